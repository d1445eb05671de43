-- How far a drain's app's log was sent, by the numbers of its lines; written once in a while, so that some lines behind it may have been sent, too.
CREATE TABLE drain_marks (
  drain INTEGER PRIMARY KEY REFERENCES drains (id) ON DELETE CASCADE,
  sent  INTEGER NOT NULL
) STRICT;
