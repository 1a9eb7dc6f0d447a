/* Snapshots against rotation of the log, with crashes: whatever moment the process is killed or the power fails,
 * also during recovery, there is a snapshot (or none was ever named) and the whole log behind it.
 *
 * Model                      lib/
 * log_writer, rotate         log.c, bzd_wal_writer_write(), bzd_wal_writer_begin_segment()
 * snapshot                   run() of checkpoint.c: begin_window(), write_snapshot(), end_window(), publish()
 * publish_file               bzd_temporary_publish(): sync, rename, sync of the directory
 * remove_segments            bzd_wal_remove_before()
 * recover                    bzd_recover(): load(), sync_names(), go_on(), then removal of what is not needed
 *
 * Positions count records. A name has two states: what the running system sees, and what the disk holds; they
 * are the same after a sync of the directory. When the power fails, every name for itself is as it was or as it
 * was going to be, and of what was written and not synced any prefix is there. A killed process changes nothing,
 * but what the next one sees is not on disk for that. Serials of snapshots are not used again here. After a
 * recovery that was not interrupted the model ends; with -DFULL the database runs again (some minutes).
 *
 * Mutants (environment variable MUTANT): */
#define REMOVE_EARLY 1         /* old segments are removed before the MANIFEST is on disk */
#define NO_SNAPSHOT_SYNC 2     /* a snapshot is renamed before its contents are on disk */
#define NO_SNAPSHOT_NAME 3     /* the MANIFEST names a snapshot whose own name is not on disk */
#define NO_MANIFEST_SYNC 4     /* the MANIFEST is renamed before its contents are on disk */
#define LATE_START 5           /* the position to replay from is taken behind the walk */
#define NO_LOG_SYNC 6          /* the log of the window is not synced */
#define REMOVE_TOO_MUCH 7      /* the segment that holds the position is removed as well */
#define NO_SEGMENT_NAME 8      /* records are acknowledged in a segment whose name is not on disk */
#define NO_NAMES_AT_OPEN 9     /* recovery removes segments before the names it has read are on disk */
#define ROTATE_UNSYNCED 10     /* a segment is begun before the one before it is on disk */
#define REMOVE_UNSYNCED 11     /* segments are removed for one whose name is not on disk */

#define RECORDS 2
#define PLACES 3 /* positions: RECORDS + 1 */
#define SERIALS 3 /* of snapshots, from 1; 0: none */
#define CRASHES 2

byte mutant;
byte era;          /* number of the process; those of earlier ones do nothing any more */
byte crashes_left = CRASHES;
bool is_open;      /* the database runs */

/* log */
byte end;          /* records in the log */
byte synced;       /* of these, those whose contents are on disk */
byte acknowledged; /* as durable */
byte current;      /* start of the segment that is written */
bool begun[PLACES];    /* a segment begins here, in the log that there ever was */
bool sees[PLACES];     /* its name, as the running system sees it */
bool holds[PLACES];    /* its name on disk */

/* snapshots */
byte serial;
bool snapshot_sees[SERIALS], snapshot_holds[SERIALS], snapshot_synced[SERIALS];
byte start_of[SERIALS];  /* to replay from */
byte covers[SERIALS];    /* everything before this is in it for sure */
byte holds_up_to[SERIALS]; /* some of what came before this may be in it */

/* MANIFEST, by the serial it names */
byte manifest;             /* as the running system sees it */
bool manifest_may[SERIALS]; /* those a power failure may leave */
bool manifest_synced[SERIALS];

inline sync_directory() {
    d_step {
        at = 0;
        do
        :: at < PLACES -> holds[at] = sees[at]; at++
        :: else -> break
        od;
        at = 0;
        do
        :: at < SERIALS ->
            snapshot_holds[at] = snapshot_sees[at];
            manifest_may[at] = (at == manifest);
            at++
        :: else -> break
        od;
        at = 0
    }
}

/* One thread at a time syncs or writes the log: the group commit's model shows that. */
inline sync_log() {
    atomic { synced = end; acknowledged = end }
}

/* -- The log ----------------------------------------------------------------------------------------- */

inline rotate() {
    if
    :: mutant == ROTATE_UNSYNCED -> skip
    :: else -> sync_log()
    fi;
    atomic { current = end; begun[end] = true; sees[end] = true };
    if
    :: mutant == NO_SEGMENT_NAME -> skip
    :: else -> sync_directory()
    fi
}

proctype log_writer(byte mine) {
    byte at;
    {
    do
    :: end > current -> rotate()
    :: end < RECORDS -> end++
    :: atomic { end > synced && (mutant != ROTATE_UNSYNCED || end > current) ->
            /* with that mutant, what an earlier segment holds is left out by a sync of this one */
            acknowledged = end;
            synced = (mutant == ROTATE_UNSYNCED && synced < current -> synced : end)
        }
    :: end == RECORDS && synced == RECORDS -> break
    od
    } unless { era != mine }
}

/* -- A snapshot -------------------------------------------------------------------------------------- */

/* What is not needed is decided by the names that are there: they are on disk before the first removal, because
 * a segment that has just been begun may be the reason that the one before it is not needed. */
inline remove_segments(start) {
    atomic {
        at = 0;
        last = 0;
        do
        :: at < PLACES ->
            listed[at] = sees[at];
            last = (sees[at] && (at <= start || mutant == REMOVE_TOO_MUCH) -> at : last);
            at++
        :: else -> break
        od;
        at = 0
    };
    if
    :: mutant == REMOVE_UNSYNCED -> skip
    :: else -> sync_directory()
    fi;
    do
    :: at < last -> sees[at] = (sees[at] && !listed[at]); at++
    :: else -> break
    od;
    atomic {
        last = 0;
        at = 0;
        do
        :: at < PLACES -> listed[at] = false; at++
        :: else -> break
        od;
        at = 0
    }
}

inline take_snapshot() {
    atomic {
        serial++;
        this = serial;
        start_of[this] = end;
        covers[this] = end
    };
    /* entries are collected: whatever has been written by now may be among them */
    atomic {
        holds_up_to[this] = end;
        start_of[this] = (mutant == LATE_START -> end : start_of[this])
    };
    if
    :: mutant == NO_LOG_SYNC -> skip
    :: else -> sync_log()
    fi;
    if
    :: mutant == NO_SNAPSHOT_SYNC -> skip
    :: else -> snapshot_synced[this] = true
    fi;
    snapshot_sees[this] = true;
    if
    :: mutant == NO_SNAPSHOT_NAME -> skip
    :: else -> sync_directory()
    fi;
    if
    :: mutant == NO_MANIFEST_SYNC -> skip
    :: else -> manifest_synced[this] = true
    fi;
    if
    :: mutant == REMOVE_EARLY -> remove_segments(start_of[this])
    :: else -> skip
    fi;
    atomic { manifest = this; manifest_may[this] = true };
    sync_directory();
    atomic {
        at = 1;
        do
        :: at < this -> snapshot_sees[at] = false; at++
        :: else -> break
        od;
        at = 0
    };
    remove_segments(start_of[this]);
    sync_directory()
}

proctype snapshot(byte mine) {
    byte at, last, this;
    bool listed[PLACES];
    {
    do
    :: serial < SERIALS - 1 -> take_snapshot()
    :: break
    od
    } unless { era != mine }
}

/* -- Crash and recovery ------------------------------------------------------------------------------ */

/* What is on disk after a power failure. */
inline fail_power() {
    at = 0;
    do
    :: at < PLACES ->
        if
        :: sees[at] = holds[at]
        :: holds[at] = sees[at]
        fi;
        at++
    :: else -> break
    od;
    at = 0;
    do
    :: at < SERIALS ->
        if
        :: snapshot_sees[at] = snapshot_holds[at]
        :: snapshot_holds[at] = snapshot_sees[at]
        fi;
        at++
    :: else -> break
    od;
    at = 0;
    if
    :: manifest_may[0] -> manifest = 0
    :: manifest_may[1] -> manifest = 1
    :: manifest_may[2] -> manifest = 2
    fi;
    do
    :: end > synced -> end--
    :: break
    od;
    assert(manifest == 0 || manifest_synced[manifest]);
    assert(manifest == 0 || !snapshot_sees[manifest] || snapshot_synced[manifest]);
    sync_directory()
}

/* Reads: the MANIFEST, the snapshot it names, the segments from its position on. */
inline read_all() {
    assert(manifest == 0 || snapshot_sees[manifest]);
    start = start_of[manifest];
    assert(start <= covers[manifest]);
    at = start;
    do
    :: at > 0 && !(begun[at] && sees[at]) -> at-- /* the segment that holds the position, or ends there */
    :: else -> break
    od;
    if
    :: begun[at] && sees[at] -> skip
    :: else -> end = start /* there is none: nothing was written behind the position */
    fi;
    do
    :: at < end ->
        at++;
        if
        :: at < PLACES && begun[at] && !sees[at] -> end = at /* the log ends where a name is missing */
        :: else -> skip
        fi
    :: else -> break
    od;
    at = end + 1;
    do
    :: at < PLACES -> assert(!(begun[at] && sees[at])); at++
    :: else -> break
    od;
    at = 0;
    assert(end >= acknowledged);
    assert(end >= holds_up_to[manifest])
}

/* Makes the log ready: its last segment is the one that was read last; a new one if there is none. */
inline go_on() {
    at = 0;
    current = PLACES;
    do
    :: at < PLACES ->
        begun[at] = (begun[at] && at <= end && (at < end || sees[at]));
        current = (begun[at] && sees[at] -> at : current);
        at++
    :: else -> break
    od;
    if
    :: current == PLACES ->
        current = end;
        begun[end] = true;
        sees[end] = true;
        sync_directory()
    :: else -> skip
    fi;
    at = 0;
    synced = end;
    acknowledged = end
}

active proctype crash() {
    byte at, last, start;
    bool listed[PLACES];
again:
    atomic { is_open && crashes_left > 0 -> crashes_left--; is_open = false; era++ };
crashed:
    atomic {
        if
        :: fail_power()
        :: skip /* the process was killed */
        fi;
        read_all()
    };
    atomic {
        if
        :: mutant == NO_NAMES_AT_OPEN -> skip
        :: else -> sync_directory()
        fi
    };
    if
    :: atomic { crashes_left > 0 -> crashes_left--; goto crashed }
    :: atomic { true -> go_on() }
    fi;
    if
    :: atomic { crashes_left > 0 -> crashes_left--; goto crashed }
    :: atomic {
            true ->
                at = 1;
                do
                :: at < SERIALS -> snapshot_sees[at] = (at == manifest && snapshot_sees[at]); at++
                :: else -> break
                od;
                at = 0
        }
    fi;
    if
    :: atomic { crashes_left > 0 -> crashes_left--; goto crashed }
    :: remove_segments(start)
    fi;
    if
    :: atomic { crashes_left > 0 -> crashes_left--; goto crashed }
    :: atomic { true -> start = 0; is_open = true }
    fi;
#ifdef FULL
    atomic { run log_writer(era); run snapshot(era) };
    goto again
#endif
}

init {
    c_code { now.mutant = getenv("MUTANT") ? atoi(getenv("MUTANT")) : 0; };
    atomic {
        begun[0] = true;
        sees[0] = true;
        holds[0] = true;
        manifest_may[0] = true;
        manifest_synced[0] = true;
        is_open = true;
        run log_writer(0);
        run snapshot(0)
    }
}
