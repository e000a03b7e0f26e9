-- Where a server cannot replace the bytes of a document, the attempt makes another in its place: under which customer id,
-- and which document, once it is known.
ALTER TABLE op ADD COLUMN new_cid TEXT;
ALTER TABLE op ADD COLUMN new_doc TEXT;
