-- A few rows as the copy of Pégase's database has them: sqlite3 register.db < register.sql
CREATE TABLE apprenant (
    id INTEGER PRIMARY KEY, code_apprenant TEXT, ine TEXT, nom_famille TEXT, nom_usuel TEXT,
    prenom TEXT, date_naissance DATE, sexe TEXT
);
CREATE TABLE cible (
    id INTEGER PRIMARY KEY, code_chemin TEXT, code_periode TEXT, libelle_long TEXT
);
CREATE TABLE inscription (
    id INTEGER PRIMARY KEY, id_apprenant INTEGER, id_cible INTEGER, statut_inscription TEXT,
    date_inscription DATE
);
CREATE TABLE contact (id_apprenant INTEGER, id_demande TEXT, mail TEXT);

INSERT INTO apprenant VALUES
    (1, '022600001', NULL, 'MARTIN', NULL, 'Léa', '2008-02-14', 'F'),
    (2, '022600002', NULL, 'DUPONT', 'LECŒUR', 'Chloé', '2007-11-30', 'F'),
    (4, '022500004', NULL, 'NGUYEN', NULL, 'Thi Mai', '2005-06-21', 'F');
INSERT INTO cible VALUES
    (10, 'F-L-BIO>F-L-BIO-L1', 'PER-2026', 'Licence 1 Biologie'),
    (11, 'F-M-MEEF>F-M-MEEF-M1', 'PER-2026', 'Master 1 MEEF'),
    (12, 'F-L-MATH>F-L-MATH-L2', 'PER-2025', 'Licence 2 Mathématiques'),
    (13, 'F-L-MATH>F-L-MATH-L3', 'PER-2026', 'Licence 3 Mathématiques');
INSERT INTO inscription VALUES
    (1001, 1, 10, 'V', '2026-07-07'),
    (1002, 2, 11, 'V', '2026-09-02'),
    (1003, 4, 12, 'V', '2025-07-10'),
    (1004, 4, 13, 'A', '2026-07-08');
INSERT INTO contact VALUES
    (1, 'MEL-001', 'lea@example.org'), (1, 'ADR-001', NULL), (4, 'MEL-001', 'mai@example.net');
