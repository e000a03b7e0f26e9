-- Images whose text has still to be read. A row goes when that is done for these bytes.
CREATE TABLE text_debt (
  document_no INTEGER PRIMARY KEY, content_rev INTEGER NOT NULL
) STRICT;
