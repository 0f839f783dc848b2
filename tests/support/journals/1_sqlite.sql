BEGIN TRANSACTION;
CREATE TABLE accounts (
	student_number VARCHAR NOT NULL, 
	dn VARCHAR NOT NULL, 
	uid VARCHAR NOT NULL, 
	address VARCHAR NOT NULL, 
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
INSERT INTO "accounts" VALUES('22600001','uid=e22600001,ou=people,dc=umontpellier,dc=fr','e22600001','lea.martin@etu.umontpellier.fr','inactive','2026-09-01','2027-12-31',2026,0,0,'supannCivilite',NULL,NULL,NULL,NULL,0);
CREATE TABLE archive (
	student_number VARCHAR NOT NULL, 
	dn VARCHAR NOT NULL, 
	attributes VARCHAR NOT NULL, 
	purged_on VARCHAR NOT NULL, 
	PRIMARY KEY (student_number)
);
CREATE TABLE changes (
	id INTEGER NOT NULL, 
	run INTEGER NOT NULL, 
	at VARCHAR NOT NULL, 
	actor VARCHAR NOT NULL, 
	action VARCHAR NOT NULL, 
	student_number VARCHAR NOT NULL, 
	dn VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	outcome VARCHAR NOT NULL, 
	error VARCHAR, 
	attributes VARCHAR NOT NULL, 
	"before" VARCHAR, 
	"after" VARCHAR, 
	sealed VARCHAR NOT NULL, 
	gifts VARCHAR NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "changes" VALUES(1,1,'2026-09-01T03:00:00Z','root','create','22600001','uid=e22600001,ou=people,dc=umontpellier,dc=fr','enrolled for 2026/2027','applied',NULL,'{"supannEtuId": {"before": [], "after": ["22600001"]}, "sn": {"before": [], "after": ["Martin"]}}',NULL,'{"student_number": "", "dn": "uid=e22600001,ou=people,dc=umontpellier,dc=fr", "uid": "e22600001", "address": "lea.martin@etu.umontpellier.fr", "state": "inactive", "since": "2026-09-01", "cutoff": "2027-12-31", "directory_year": 2026, "adopted_active": false, "adopted_suspended": false, "wrote": "supannCivilite", "ending": null, "expiry_written_on": null, "announced_end": null, "announced_on": null, "gone": false}','drawn','');
INSERT INTO "changes" VALUES(2,2,'2026-09-01T03:00:00Z','root','update','22600001','uid=e22600001,ou=people,dc=umontpellier,dc=fr','her name changed','intended',NULL,'{"sn": {"before": ["Martin"], "after": ["Mart\u00edn"]}}','{"student_number": "", "dn": "uid=e22600001,ou=people,dc=umontpellier,dc=fr", "uid": "e22600001", "address": "lea.martin@etu.umontpellier.fr", "state": "inactive", "since": "2026-09-01", "cutoff": "2027-12-31", "directory_year": 2026, "adopted_active": false, "adopted_suspended": false, "wrote": "supannCivilite", "ending": null, "expiry_written_on": null, "announced_end": null, "announced_on": null, "gone": false}','{"student_number": "", "dn": "uid=e22600001,ou=people,dc=umontpellier,dc=fr", "uid": "e22600001", "address": "lea.martin@etu.umontpellier.fr", "state": "inactive", "since": "2026-09-01", "cutoff": "2027-12-31", "directory_year": 2026, "adopted_active": false, "adopted_suspended": false, "wrote": "supannCivilite", "ending": null, "expiry_written_on": null, "announced_end": null, "announced_on": null, "gone": false}','kept','');
CREATE TABLE enrolments (
	student_number VARCHAR NOT NULL, 
	academic_year INTEGER NOT NULL, 
	step_code VARCHAR NOT NULL, 
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
	step_mapped BOOLEAN NOT NULL, 
	PRIMARY KEY (student_number, academic_year, step_code)
);
INSERT INTO "enrolments" VALUES('22600001',2026,'L1INFO','validated','Martin','Léa','2008-02-29',NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1);
CREATE TABLE events (
	number INTEGER NOT NULL, 
	id VARCHAR NOT NULL, 
	source VARCHAR, 
	type VARCHAR, 
	time VARCHAR, 
	received_at VARCHAR NOT NULL, 
	status VARCHAR NOT NULL, 
	reason VARCHAR, 
	identifier VARCHAR, 
	student_number VARCHAR, 
	digest VARCHAR, 
	body VARCHAR, 
	PRIMARY KEY (number)
);
INSERT INTO "events" VALUES(1,'one','portal',NULL,NULL,'2026-09-01T03:00:00Z','waiting',NULL,'lea.martin@etu.umontpellier.fr',NULL,'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','{}');
CREATE TABLE gifts (
	student_number VARCHAR NOT NULL, 
	field VARCHAR NOT NULL, 
	value VARCHAR NOT NULL, 
	keep_copy BOOLEAN NOT NULL, 
	time VARCHAR NOT NULL, 
	source VARCHAR NOT NULL, 
	event VARCHAR NOT NULL, 
	applied BOOLEAN NOT NULL, 
	PRIMARY KEY (student_number, field)
);
CREATE TABLE meta (
	"key" VARCHAR NOT NULL, 
	value VARCHAR NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "archive" VALUES('22600003','uid=e22600003,ou=people,dc=umontpellier,dc=fr','{"sn": ["Petit"]}','2026-09-01');
INSERT INTO "meta" VALUES('schema','1');
INSERT INTO "meta" VALUES('directory','11111111-2222-3333-4444-555555555555');
CREATE TABLE overrides (
	student_number VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	actor VARCHAR NOT NULL, 
	at VARCHAR NOT NULL, 
	PRIMARY KEY (student_number, kind)
);
INSERT INTO "overrides" VALUES('22600002','suspended','asked','root','2026-09-01T03:00:00Z');
CREATE TABLE reservations (
	identifier VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	value VARCHAR NOT NULL, 
	student_number VARCHAR NOT NULL, 
	PRIMARY KEY (identifier)
);
INSERT INTO "reservations" VALUES('e22600001','uid','e22600001','22600001');
INSERT INTO "reservations" VALUES('lea.martin@etu.umontpellier.fr','address','lea.martin@etu.umontpellier.fr','22600001');
CREATE TABLE runs (
	id INTEGER NOT NULL, 
	command VARCHAR NOT NULL, 
	actor VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	whole BOOLEAN NOT NULL, 
	started_at VARCHAR NOT NULL, 
	ended_at VARCHAR, 
	exit_status INTEGER, 
	students INTEGER, 
	managed INTEGER, 
	digest VARCHAR, 
	remaining_digest VARCHAR, 
	PRIMARY KEY (id)
);
INSERT INTO "runs" VALUES(1,'sync','root','',1,'2026-09-01T03:00:00Z','2026-09-01T03:00:00Z',0,1,1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',NULL);
INSERT INTO "runs" VALUES(2,'resync','root','asked',0,'2026-09-01T03:00:00Z',NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE sealed (
	student_number VARCHAR NOT NULL, 
	slot VARCHAR NOT NULL, 
	ciphertext BLOB NOT NULL, 
	last_day VARCHAR, 
	printable BOOLEAN NOT NULL, 
	PRIMARY KEY (student_number, slot)
);
INSERT INTO "sealed" VALUES('22600001','live',X'7365616C6564006F6E65',NULL,1);
CREATE INDEX ix_reservations_student_number ON reservations (student_number);
CREATE INDEX ix_events_id ON events (id);
CREATE INDEX ix_events_status ON events (status);
CREATE INDEX ix_events_identifier ON events (identifier);
CREATE INDEX ix_events_student_number ON events (student_number);
CREATE INDEX ix_changes_run ON changes (run);
CREATE INDEX ix_changes_outcome ON changes (outcome);
CREATE INDEX ix_changes_student_number ON changes (student_number);
INSERT INTO "gifts" VALUES('22600001','backup_mail','lea@example.org',0,'2026-09-01T03:00:00Z','portal','two',1);
COMMIT;
