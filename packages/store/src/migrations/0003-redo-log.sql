-- Beside the database there is a redo log from now on (`store.db-redo`): who does not know it must not open the store.
-- The number says which of its records the database holds already.
INSERT INTO store (k, v) VALUES ('redo_seq', '0');
