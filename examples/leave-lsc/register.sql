-- What LSC's task reads, for SQLite: sqlite3 register.db < register.sql
-- A view of the register with a row for each enrolment, as the one that LSC was given has it.
CREATE TABLE ETUDIANTS (
    COD_ETU TEXT, NOM TEXT, PRENOM TEXT, NE_LE TEXT, INE TEXT, ANNEE TEXT, ETAT TEXT,
    COMPOSANTE TEXT, ETAPE TEXT
);
INSERT INTO ETUDIANTS VALUES
    ('22600001', 'MARTIN', 'LÉA', '2008-02-14', NULL, '2026', 'E', 'FDS', 'L1BIO'),
    ('22500004', 'NGUYEN', 'THI MAI', '2005-06-21', '1234567890A', '2025', 'E', 'FDS', 'L2MATH'),
    ('22500004', 'NGUYEN', 'THI MAI', '2005-06-21', '1234567890A', '2026', 'E', 'FDS', 'L3MATH'),
    ('22600009', 'PETIT', 'ANA', '2007-12-12', NULL, '2026', 'E', 'FDE', 'L1PSYC');
