-- When an inode was made here, in microseconds since 1970. Of what is older than this column it is not known.
ALTER TABLE inode ADD COLUMN birth_us INTEGER;
