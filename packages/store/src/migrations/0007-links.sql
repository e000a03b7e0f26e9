-- Documents that are names of one file say so: whoever takes one looks for the others.
CREATE INDEX entry_link ON entry (base_attrs ->> '$.link') WHERE base_attrs ->> '$.link' IS NOT NULL;
