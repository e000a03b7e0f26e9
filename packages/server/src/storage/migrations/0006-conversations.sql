-- The messages of which a document is the transcript, as they were sent (a JSON array). A row goes with the bytes.
CREATE TABLE conversation (
  document_no INTEGER PRIMARY KEY, messages TEXT NOT NULL
) STRICT;
