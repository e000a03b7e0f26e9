-- What patterns keep on this machine is never to be sent, however much it is: the queue does not walk past it.
DROP INDEX entry_dirty;
CREATE INDEX entry_dirty ON entry (local_ver) WHERE local_ver <> base_ver AND local_only = 0;
CREATE INDEX entry_local ON entry (id) WHERE local_only = 1;
