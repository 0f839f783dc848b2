CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
CREATE TABLE meta (
    key VARCHAR NOT NULL,
    value VARCHAR NOT NULL,
    PRIMARY KEY (key)
);
CREATE TABLE enrolments (
    student_number VARCHAR COLLATE "C" NOT NULL,
    academic_year INTEGER NOT NULL,
    step_code VARCHAR COLLATE "C" NOT NULL,
    component VARCHAR COLLATE "C" NOT NULL,
    status VARCHAR NOT NULL,
    family_name VARCHAR NOT NULL,
    first_name VARCHAR NOT NULL,
    birth_date VARCHAR NOT NULL,
    usual_name VARCHAR,
    civility VARCHAR,
    birth_place VARCHAR,
    ine VARCHAR,
    component_code VARCHAR,
    component_name VARCHAR,
    step_name VARCHAR,
    student_status VARCHAR,
    contact_email VARCHAR,
    enrolled_on VARCHAR,
    postal_address VARCHAR,
    step_mapped BOOLEAN NOT NULL,
    PRIMARY KEY (student_number, academic_year, step_code, component)
);
CREATE TABLE accounts (
    student_number VARCHAR COLLATE "C" NOT NULL,
    dn VARCHAR NOT NULL,
    uid VARCHAR COLLATE "C" NOT NULL,
    address VARCHAR COLLATE "C" NOT NULL,
    state VARCHAR,
    since VARCHAR,
    cutoff VARCHAR,
    directory_year INTEGER,
    adopted_active BOOLEAN NOT NULL,
    adopted_suspended BOOLEAN NOT NULL,
    wrote VARCHAR NOT NULL,
    ending VARCHAR,
    expiry_written_on VARCHAR,
    announced_end VARCHAR,
    announced_on VARCHAR,
    gone BOOLEAN NOT NULL,
    PRIMARY KEY (student_number)
);
CREATE TABLE reservations (
    identifier VARCHAR COLLATE "C" NOT NULL,
    kind VARCHAR NOT NULL,
    value VARCHAR NOT NULL,
    student_number VARCHAR COLLATE "C" NOT NULL,
    PRIMARY KEY (identifier)
);
CREATE INDEX ix_reservations_student_number ON reservations (student_number);
CREATE TABLE overrides (
    student_number VARCHAR COLLATE "C" NOT NULL,
    kind VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    actor VARCHAR NOT NULL,
    at VARCHAR NOT NULL,
    PRIMARY KEY (student_number, kind)
);
CREATE TABLE sealed (
    student_number VARCHAR COLLATE "C" NOT NULL,
    slot VARCHAR NOT NULL,
    ciphertext BYTEA NOT NULL,
    last_day VARCHAR,
    printable BOOLEAN NOT NULL,
    PRIMARY KEY (student_number, slot)
);
CREATE TABLE archive (
    student_number VARCHAR COLLATE "C" NOT NULL,
    dn VARCHAR NOT NULL,
    attributes VARCHAR NOT NULL,
    purged_on VARCHAR NOT NULL,
    PRIMARY KEY (student_number)
);
CREATE TABLE memberships (
    student_number VARCHAR COLLATE "C" NOT NULL,
    group_dn VARCHAR NOT NULL,
    attribute VARCHAR NOT NULL,
    PRIMARY KEY (student_number, group_dn, attribute)
);
CREATE TABLE events (
    number SERIAL NOT NULL,
    id VARCHAR NOT NULL,
    source VARCHAR,
    type VARCHAR,
    time VARCHAR,
    received_at VARCHAR NOT NULL,
    status VARCHAR NOT NULL,
    reason VARCHAR,
    identifier VARCHAR COLLATE "C",
    student_number VARCHAR COLLATE "C",
    digest VARCHAR,
    body VARCHAR,
    PRIMARY KEY (number)
);
CREATE INDEX ix_events_unassigned ON events (number) WHERE student_number IS NULL AND identifier IS NOT NULL;
CREATE INDEX ix_events_status ON events (status);
CREATE INDEX ix_events_id ON events USING hash (id);
CREATE INDEX ix_events_identifier ON events USING hash (identifier);
CREATE INDEX ix_events_student_number ON events (student_number);
CREATE TABLE gifts (
    student_number VARCHAR COLLATE "C" NOT NULL,
    field VARCHAR NOT NULL,
    value VARCHAR NOT NULL,
    keep_copy BOOLEAN NOT NULL,
    time VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    event VARCHAR NOT NULL,
    applied BOOLEAN NOT NULL,
    PRIMARY KEY (student_number, field)
);
CREATE TABLE runs (
    id SERIAL NOT NULL,
    command VARCHAR NOT NULL,
    actor VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    whole BOOLEAN NOT NULL,
    scope VARCHAR,
    started_at VARCHAR NOT NULL,
    ended_at VARCHAR,
    exit_status INTEGER,
    students INTEGER,
    managed INTEGER,
    digest VARCHAR,
    remaining_digest VARCHAR,
    after_gap BOOLEAN DEFAULT false NOT NULL,
    approved_late BOOLEAN DEFAULT false NOT NULL,
    PRIMARY KEY (id)
);
CREATE TABLE changes (
    id SERIAL NOT NULL,
    run INTEGER NOT NULL,
    at VARCHAR NOT NULL,
    actor VARCHAR NOT NULL,
    action VARCHAR NOT NULL,
    student_number VARCHAR COLLATE "C" NOT NULL,
    dn VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    outcome VARCHAR NOT NULL,
    error VARCHAR,
    attributes VARCHAR NOT NULL,
    before VARCHAR,
    after VARCHAR,
    sealed VARCHAR NOT NULL,
    gifts VARCHAR NOT NULL,
    password_since VARCHAR,
    guard VARCHAR,
    PRIMARY KEY (id)
);
CREATE INDEX ix_changes_outcome_action ON changes (outcome, action);
CREATE INDEX ix_changes_run ON changes (run);
CREATE INDEX ix_changes_student_number ON changes (student_number);
CREATE TABLE signatures (
    digest VARCHAR NOT NULL,
    at VARCHAR NOT NULL,
    PRIMARY KEY (digest)
);
CREATE INDEX ix_signatures_at ON signatures (at);
CREATE TABLE incidents (
    key VARCHAR NOT NULL,
    text VARCHAR NOT NULL,
    opened_at VARCHAR NOT NULL,
    closed_at VARCHAR,
    PRIMARY KEY (key)
);
CREATE TABLE tries (
    number SERIAL NOT NULL,
    key VARCHAR COLLATE "C" NOT NULL,
    at VARCHAR NOT NULL,
    PRIMARY KEY (number)
);
CREATE INDEX ix_tries_key_at ON tries (key, at);
CREATE TABLE entrances (
    account VARCHAR COLLATE "C" NOT NULL,
    holder VARCHAR NOT NULL,
    until VARCHAR NOT NULL,
    PRIMARY KEY (account)
);
CREATE TABLE sessions (
    id VARCHAR COLLATE "C" NOT NULL,
    student_number VARCHAR COLLATE "C" NOT NULL,
    opened_at VARCHAR NOT NULL,
    used_at VARCHAR NOT NULL,
    kept VARCHAR NOT NULL,
    sealed BYTEA,
    PRIMARY KEY (id)
);
CREATE INDEX ix_sessions_used_at ON sessions (used_at);
CREATE INDEX ix_sessions_student_number ON sessions (student_number);
CREATE TABLE links (
    id VARCHAR COLLATE "C" NOT NULL,
    purpose VARCHAR NOT NULL,
    student_number VARCHAR COLLATE "C" NOT NULL,
    value VARCHAR NOT NULL,
    made_at VARCHAR NOT NULL,
    expires_at VARCHAR NOT NULL,
    used_at VARCHAR,
    mark VARCHAR,
    PRIMARY KEY (id)
);
CREATE INDEX ix_links_student_number ON links (student_number);
CREATE INDEX ix_links_expires_at ON links (expires_at);
CREATE TABLE holders (
    student_number VARCHAR COLLATE "C" NOT NULL,
    since VARCHAR,
    event INTEGER NOT NULL,
    forgets BOOLEAN NOT NULL,
    backup VARCHAR,
    PRIMARY KEY (student_number)
);
CREATE TABLE mails (
    number SERIAL NOT NULL,
    key VARCHAR COLLATE "C" NOT NULL,
    student_number VARCHAR COLLATE "C" NOT NULL,
    kind VARCHAR NOT NULL,
    address VARCHAR NOT NULL,
    given VARCHAR NOT NULL,
    made_at VARCHAR NOT NULL,
    due_at VARCHAR NOT NULL,
    tries INTEGER NOT NULL,
    ended_at VARCHAR,
    trouble VARCHAR,
    PRIMARY KEY (number),
    UNIQUE (key)
);
CREATE INDEX ix_mails_student_number ON mails (student_number);
CREATE INDEX ix_mails_waiting ON mails (due_at) WHERE ended_at IS NULL;
INSERT INTO meta ("key", value) VALUES ('schema', '5');
INSERT INTO accounts (student_number, dn, uid, address, state, since, cutoff, directory_year, adopted_active, adopted_suspended, wrote, gone) VALUES ('22600001', 'uid=e22600001,ou=people,dc=umontpellier,dc=fr', 'e22600001', 'lea.martin@etu.umontpellier.fr', 'inactive', '2026-09-01', '2027-12-31', 2026, FALSE, FALSE, 'supannCivilite', FALSE);
INSERT INTO changes (run, at, actor, action, student_number, dn, reason, outcome, attributes, "after", sealed, gifts) VALUES (1, '2026-09-01T03:00:00Z', 'root', 'create', '22600001', 'uid=e22600001,ou=people,dc=umontpellier,dc=fr', 'enrolled for 2026/2027', 'applied', '{"supannEtuId": {"before": [], "after": ["22600001"]}, "sn": {"before": [], "after": ["Martin"]}}', '{"student_number": "", "dn": "uid=e22600001,ou=people,dc=umontpellier,dc=fr", "uid": "e22600001", "address": "lea.martin@etu.umontpellier.fr", "state": "inactive", "since": "2026-09-01", "cutoff": "2027-12-31", "directory_year": 2026, "adopted_active": false, "adopted_suspended": false, "wrote": "supannCivilite", "ending": null, "expiry_written_on": null, "announced_end": null, "announced_on": null, "gone": false}', 'drawn', '');
INSERT INTO changes (run, at, actor, action, student_number, dn, reason, outcome, attributes, "before", "after", sealed, gifts) VALUES (2, '2026-09-01T03:00:00Z', 'root', 'update', '22600001', 'uid=e22600001,ou=people,dc=umontpellier,dc=fr', 'her name changed', 'intended', '{"sn": {"before": ["Martin"], "after": ["Mart\u00edn"]}}', '{"student_number": "", "dn": "uid=e22600001,ou=people,dc=umontpellier,dc=fr", "uid": "e22600001", "address": "lea.martin@etu.umontpellier.fr", "state": "inactive", "since": "2026-09-01", "cutoff": "2027-12-31", "directory_year": 2026, "adopted_active": false, "adopted_suspended": false, "wrote": "supannCivilite", "ending": null, "expiry_written_on": null, "announced_end": null, "announced_on": null, "gone": false}', '{"student_number": "", "dn": "uid=e22600001,ou=people,dc=umontpellier,dc=fr", "uid": "e22600001", "address": "lea.martin@etu.umontpellier.fr", "state": "inactive", "since": "2026-09-01", "cutoff": "2027-12-31", "directory_year": 2026, "adopted_active": false, "adopted_suspended": false, "wrote": "supannCivilite", "ending": null, "expiry_written_on": null, "announced_end": null, "announced_on": null, "gone": false}', 'kept', '');
INSERT INTO enrolments (student_number, academic_year, step_code, component, status, family_name, first_name, birth_date, usual_name, civility, birth_place, ine, component_code, component_name, step_name, student_status, contact_email, enrolled_on, step_mapped) VALUES ('22600001', 2026, 'L1INFO', 'MED', 'validated', 'Noël', 'Léa', '2008-02-29', '', 'MME', 'Sète', '07', 'MED', 'Médecine', 'Licence 1', 'FI', 'lea@example.org', '2026-09-01', TRUE);
INSERT INTO enrolments (student_number, academic_year, step_code, component, status, family_name, first_name, birth_date, step_mapped) VALUES ('22600002', 2026, '', '', 'cancelled', 'Petit', 'Ana', '2008-02-29', FALSE);
INSERT INTO events (id, source, received_at, status, identifier, digest, body) VALUES ('one', 'portal', '2026-09-01T03:00:00Z', 'waiting', 'lea.martin@etu.umontpellier.fr', 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', '{}');
INSERT INTO gifts (student_number, field, value, keep_copy, time, source, event, applied) VALUES ('22600001', 'backup_mail', 'lea@example.org', FALSE, '2026-09-01T03:00:00Z', 'portal', 'two', TRUE);
INSERT INTO meta ("key", value) VALUES ('directory', '11111111-2222-3333-4444-555555555555');
INSERT INTO overrides (student_number, kind, reason, actor, at) VALUES ('22600002', 'suspended', 'asked', 'root', '2026-09-01T03:00:00Z');
INSERT INTO reservations (identifier, kind, value, student_number) VALUES ('e22600001', 'uid', 'e22600001', '22600001');
INSERT INTO reservations (identifier, kind, value, student_number) VALUES ('lea.martin@etu.umontpellier.fr', 'address', 'lea.martin@etu.umontpellier.fr', '22600001');
INSERT INTO runs (command, actor, reason, whole, started_at, ended_at, exit_status, students, managed, digest, after_gap, approved_late) VALUES ('sync', 'root', '', TRUE, '2026-09-01T03:00:00Z', '2026-09-01T03:00:00Z', 0, 1, 1, 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', FALSE, FALSE);
INSERT INTO runs (command, actor, reason, whole, scope, started_at, after_gap, approved_late) VALUES ('resync', 'root', 'asked', FALSE, '["22600001"]', '2026-09-01T03:00:00Z', FALSE, FALSE);
INSERT INTO sealed (student_number, slot, ciphertext, printable) VALUES ('22600001', 'live', '\x7365616c6564006f6e65', TRUE);
INSERT INTO archive (student_number, dn, attributes, purged_on) VALUES ('22600003', 'uid=e22600003,ou=people,dc=umontpellier,dc=fr', '{"sn": ["Petit"]}', '2026-09-01');
INSERT INTO signatures (digest, at) VALUES ('cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc', '2026-09-01T03:00:00Z');
INSERT INTO incidents ("key", text, opened_at) VALUES ('held', 'a plan is held', '2026-09-01T03:00:00Z');
INSERT INTO entrances (account, holder, until) VALUES ('22600001', 'one', '2026-09-01T03:00:00Z');
INSERT INTO tries ("key", at) VALUES ('account:22600001', '2026-09-01T03:00:00Z');
INSERT INTO sessions (id, student_number, opened_at, used_at, kept) VALUES ('dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd', '22600001', '2026-09-01T03:00:00Z', '2026-09-01T03:00:00Z', '{}');
INSERT INTO links (id, purpose, student_number, value, made_at, expires_at, mark) VALUES ('eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee', 'reset', '22600001', 'lea@example.org', '2026-09-01T03:00:00Z', '2026-09-02T03:00:00Z', 'm');
INSERT INTO mails ("key", student_number, kind, address, given, made_at, due_at, tries) VALUES ('activated 22600001', '22600001', 'activated', 'lea@example.org', '{"mail": "lea@example.org"}', '2026-09-01T03:00:00Z', '2026-09-01T03:00:00Z', 1);
INSERT INTO holders (student_number, since, event, forgets, backup) VALUES ('22600001', '20260901030000Z', 1, TRUE, 'lea@example.org');
INSERT INTO memberships (student_number, group_dn, attribute) VALUES ('22600003', 'cn=choir,ou=groups,dc=umontpellier,dc=fr', 'member');
INSERT INTO incidents ("key", text, opened_at) VALUES ('unsent:mail:held', '{"what": "a plan is held", "cure": "read it", "at": "2026-09-01T03:00:00Z"}', '2026-09-01T03:00:00Z');
INSERT INTO incidents ("key", text, opened_at, closed_at) VALUES ('unsent:webhook:held', '{"what": "a plan is held", "cure": "read it", "at": "2026-09-01T03:00:00Z"}', '2026-09-01T03:00:00Z', '2026-09-01T03:00:00Z');
INSERT INTO incidents ("key", text, opened_at) VALUES ('unsent:mail:locking:192.0.2.7', '{"what": "a plan is held", "cure": "read it", "at": "2026-09-01T03:00:00Z"}', '2026-09-01T03:00:00Z');
INSERT INTO alembic_version (version_num) VALUES ('0005');
