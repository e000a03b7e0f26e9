-- Memory documents whose facts a language model has still to find. A row goes when that is done for these bytes.
CREATE TABLE fact_debt (
  document_no INTEGER PRIMARY KEY, content_rev INTEGER NOT NULL
) STRICT;
