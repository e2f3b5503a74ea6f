-- Read models in several builds: one is live, others are made beside it (docs/blue-green.md). The tables of the live one
-- are in this schema, those of build N of X in `tidelock_X_vN`. A build's checkpoints are here whether it is live or not.

ALTER TABLE tidelock.checkpoints
    ADD COLUMN build bigint  NOT NULL DEFAULT 1,
    ADD COLUMN live  boolean NOT NULL DEFAULT true,
    DROP CONSTRAINT checkpoints_pkey,
    ADD PRIMARY KEY (projection, build, kind, partition);
CREATE UNIQUE INDEX checkpoints_live ON tidelock.checkpoints (projection, kind, partition) WHERE live;

-- A read model without rows here has one build, the first, and it is live.
CREATE TABLE tidelock.builds (
    projection text    NOT NULL,
    build      bigint  NOT NULL,
    live       boolean NOT NULL,
    version    bigint  NOT NULL,
    replaced   bigint,
    begun_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (projection, build)
);
CREATE UNIQUE INDEX builds_live ON tidelock.builds (projection) WHERE live;
