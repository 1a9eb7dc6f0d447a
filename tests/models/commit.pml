/* Group commit: who is told that a record is durable, is told the truth, and nobody waits for ever.
 *
 * Model                      lib/log.c, lib/wal_writer.c
 * append                     bzd_log_append_begin(), bzd_log_append_end()
 * admit                      bzd_log_admit()
 * note_result                note_result()
 * write_file, sync_file      bzd_wal_writer_write(), bzd_wal_writer_sync(): the disk takes, refuses or fails
 * begin_segment              bzd_wal_writer_begin_segment(): syncs the file that is full first
 * write_group                write_group(): waits for a sync that runs if a segment is to be begun
 * write_collected            write_collected(), with take_group()
 * sync_written, end_round    the same names
 * lead, follow               the same names: a round has one leader; the next one's is among those who wait
 * take_served, take_leader   the same names; which of those who wait leads next is left open here
 * log_sync, log_write_out    bzd_log_sync(), bzd_log_write_out()
 * relieve                    bzd_log_relieve()
 *
 * Positions count records. `on_disk` is what a power failure would leave: a sync moves it, unless an earlier
 * one has failed, because then the system has dropped pages and later syncs succeed without them. A thread
 * that waits for a condition is woken by a signal only, which is the harder case.
 *
 * Mutants (environment variable MUTANT): */
#define ACK_BEFORE_SYNC 1   /* what was written counts as durable */
#define SYNC_AGAIN 2        /* a failed sync is tried again */
#define ACK_LATER_WRITES 3  /* what was written during a sync counts as synced by it */
#define SILENT_FAILURE 4    /* a leader that fails wakes only one of those who wait */
#define SYNC_ONCE_MORE 5    /* a thread that was about to sync does so although another sync has failed */
#define SKIP_GROUP 6        /* a group that found no space counts as written */
#define ROTATE_UNSYNCED 7   /* a full segment is closed without a sync */
#define ROTATE_BESIDE 8     /* a segment is begun while another thread syncs */
#define LATE_QUEUE 9        /* a thread gives the mutex back before it is among those who wait */
#define LEAVE_FAILED 10     /* who was woken to lead leaves a log that has failed: nobody leads the others */
#define FORGET_NO_SPACE 11  /* a sync that succeeds makes the log look as if the group had found its space */

#define THREADS 3
#define FAULTS 1  /* of the disk, of each kind */
#define SEGMENT 2 /* records */

#define OK 0
#define NO_SPACE 1
#define FAILED 2

byte mutant;
bool mutex;
bool sleeps[THREADS]; /* on the condition `changed` */

/* struct bzd_log */
byte position, written, durable, taken, group;
byte status;
bool writing, rotating, syncing, committing;

/* struct bzd_log_waiter of each thread */
bool queued[THREADS], leads[THREADS], woken[THREADS];
byte wants[THREADS];

/* struct bzd_wal_writer; `group` is in memory, what follows is in files */
byte file_position, file_durable, segment_start;
bool sync_failed;

/* the disk */
byte on_disk;
bool pages_lost;
byte no_space_left = FAULTS;
byte broken_writes_left = FAULTS;
byte failures_left = FAULTS; /* of syncs */

/* The mutex keeps what stands between acquire() and release() together, so that it may be one step here. What
 * is not under the mutex, the work on files and the looks at positions, takes steps of its own. */
inline acquire() {
    atomic { !mutex -> mutex = true }
}

/* To be used inside of an atomic sequence, which is interrupted while the thread sleeps. */
inline wait_for_change() {
    sleeps[me] = true;
    mutex = false;
    !sleeps[me] && !mutex;
    mutex = true
}

inline signal_change() {
    d_step {
        who = 0;
        do
        :: who < THREADS -> sleeps[who] = false; who++
        :: else -> break
        od;
        who = 0
    }
}

inline note_result(step) {
    status = (step == FAILED || sync_failed || status == FAILED -> FAILED : step);
    written = file_position;
    durable = (mutant == ACK_BEFORE_SYNC -> file_position : file_durable);
    assert(durable <= on_disk);
    assert(durable <= written && written <= position)
}

/* What was written before the sync began is on disk behind it, unless pages were dropped earlier. */
inline sync_file(result) {
    mark = file_position;
    if
    :: atomic { sync_failed && mutant != SYNC_ONCE_MORE -> result = FAILED; mark = 0 }
    :: atomic {
        !sync_failed || mutant == SYNC_ONCE_MORE ->
            on_disk = (pages_lost || on_disk > mark -> on_disk : mark);
            file_durable = (mutant == ACK_LATER_WRITES -> file_position : mark);
            mark = 0
        }
    :: atomic {
        !sync_failed && failures_left > 0 ->
            failures_left--;
            pages_lost = true;
            if
            :: mutant == SYNC_AGAIN -> file_durable = mark
            :: else -> sync_failed = true; result = FAILED
            fi;
            mark = 0
        }
    fi
}

/* The segment must not change under somebody who syncs it. */
inline begin_segment(result) {
    assert(!syncing);
    if
    :: mutant == ROTATE_UNSYNCED ->
        atomic { pages_lost = (pages_lost || on_disk < file_position); file_durable = file_position }
    :: else -> sync_file(result)
    fi;
    if
    :: result == OK -> segment_start = file_position
    :: else -> skip
    fi
}

inline write_file(result) {
    if
    :: rotating -> begin_segment(result)
    :: else -> skip
    fi;
    if
    :: result != OK -> skip
    :: atomic { result == OK -> file_position = file_position + group; group = 0 }
    :: atomic {
        result == OK && no_space_left > 0 ->
            no_space_left--;
            result = NO_SPACE;
            if
            :: mutant == SKIP_GROUP -> pages_lost = true; file_position = file_position + group; group = 0
            :: else -> skip
            fi
        }
    :: atomic { result == OK && broken_writes_left > 0 -> broken_writes_left--; result = FAILED }
    fi
}

inline write_group(result) {
    atomic {
        rotating = (group > 0 && file_position - segment_start >= SEGMENT);
        do
        :: rotating && syncing && mutant != ROTATE_BESIDE -> wait_for_change()
        :: else -> break
        od;
        result = (rotating && status == FAILED && mutant != SYNC_ONCE_MORE -> FAILED : result);
        works = (group > 0 && result == OK);
        mutex = !works
    };
    if
    :: works -> write_file(result); acquire()
    :: else -> skip
    fi;
    atomic { works = false; rotating = false; note_result(result) }
}

inline take_group() {
    d_step { group = position - taken; taken = position }
}

inline write_collected(result) {
    writing = true;
    write_group(result);
    if
    :: result == OK -> take_group(); write_group(result)
    :: else -> skip
    fi;
    atomic { writing = false; signal_change() }
}

inline sync_written(result) {
    atomic {
        do
        :: rotating && mutant != ROTATE_BESIDE -> wait_for_change()
        :: else -> break
        od;
        result = (status == FAILED && mutant != SYNC_ONCE_MORE -> FAILED : OK);
        syncing = (result == OK);
        mutex = !syncing
    };
    if
    :: result == OK ->
        sync_file(result);
        acquire();
        atomic {
            syncing = false;
            if
            :: result == OK && mutant != FORGET_NO_SPACE -> note_result(status)
            :: else -> note_result(result)
            fi;
            signal_change()
        }
    :: else -> skip
    fi
}

/* Those whose records are durable, or all if the round failed; to be woken by this thread. */
inline take_served(all) {
    d_step {
        who = 0;
        do
        :: who < THREADS ->
            taken_out[who] = (queued[who] && (all || wants[who] <= durable));
            queued[who] = (queued[who] && !taken_out[who]);
            who++
        :: else -> break
        od;
        who = 0
    }
}

inline take_leader(leader) {
    if
    :: queued[0] -> leader = 0
    :: queued[1] -> leader = 1
    :: queued[2] -> leader = 2
    :: else -> leader = THREADS
    fi;
    if
    :: leader < THREADS -> queued[leader] = false; leads[leader] = true
    :: else -> skip
    fi
}

inline wake_leader(leader) {
    atomic {
        if
        :: leader < THREADS -> woken[leader] = true
        :: else -> skip
        fi;
        leader = 0
    }
}

inline wake_served() {
    d_step {
        who = 0;
        do
        :: who < THREADS -> woken[who] = (woken[who] || taken_out[who]); taken_out[who] = false; who++
        :: else -> break
        od;
        who = 0
    }
}

/* Others are woken without the mutex, the leader of the next round first. */
inline end_round(result) {
    atomic {
        committing = false;
        take_served(result != OK && mutant != SILENT_FAILURE);
        take_leader(leader);
        signal_change();
        mutex = false
    };
    wake_leader(leader);
    wake_served();
    acquire()
}

/* A leader gives way before it looks at what was collected. */
inline lead(result) {
    atomic { committing = true; mutex = false };
    atomic {
        !mutex -> mutex = true;
        do
        :: writing -> wait_for_change()
        :: else -> break
        od;
        result = (status == FAILED -> FAILED : OK)
    };
    if
    :: result == OK -> write_collected(result)
    :: else -> skip
    fi;
    if
    :: result == OK -> sync_written(result)
    :: else -> skip
    fi;
    end_round(result)
}

/* Waits until a round has served the position, has failed, or needs a leader. Ends with the mutex, unless the
 * position is durable. */
inline follow(end) {
    atomic {
        wants[me] = end;
        leads[me] = false;
        queued[me] = (mutant != LATE_QUEUE);
        mutex = false
    };
    if
    :: mutant == LATE_QUEUE -> queued[me] = true
    :: else -> skip
    fi;
    atomic { woken[me] -> woken[me] = false; wants[me] = 0; served = (durable >= end) };
    if
    :: served && !leads[me] -> skip
    :: else ->
        atomic {
            !mutex -> mutex = true;
            if
            :: served ->
                if
                :: !committing -> take_leader(leader)
                :: else -> leader = THREADS
                fi;
                mutex = false
            :: else -> skip
            fi;
            leads[me] = false
        };
        if
        :: served -> wake_leader(leader)
        :: else -> skip
        fi
    fi
}

#define leaves (mutant == LEAVE_FAILED && status == FAILED)

/* A thread leads also when the log has failed, and so wakes all who wait for a round. */
inline log_sync(end, result) {
    if
    :: durable >= end -> skip
    :: else ->
        acquire();
        do
        :: atomic { result == OK && !served && durable < end && leaves -> result = FAILED }
        :: result == OK && !served && durable < end && !leaves && committing -> follow(end)
        :: result == OK && !served && durable < end && !leaves && !committing -> lead(result)
        :: else -> break
        od;
        atomic { mutex = (mutex && served); served = false }
    fi
}

inline log_write_out(end, result) {
    if
    :: written >= end -> skip
    :: else ->
        acquire();
        do
        :: atomic { result == OK && written < end && status == FAILED -> result = FAILED }
        :: atomic { result == OK && written < end && status != FAILED && writing -> wait_for_change() }
        :: result == OK && written < end && status != FAILED && !writing -> write_collected(result)
        :: else -> break
        od;
        mutex = false
    fi
}

/* A failure is noted in the status and met by the next writer. */
inline relieve(result) {
    acquire();
    if
    :: !writing && status == OK -> write_collected(result)
    :: else -> skip
    fi;
    mutex = false
}

/* The door: a log without space is tried again before it takes more. */
inline admit(result) {
    atomic {
        assert(status != OK || writing || group == 0);
        result = status;
        end = position
    };
    if
    :: result == NO_SPACE -> result = OK; log_write_out(end, result)
    :: else -> skip
    fi
}

inline append(end, result) {
    atomic {
        !mutex;
        if
        :: status == FAILED -> result = FAILED
        :: else -> position++; end = position
        fi
    }
}

/* Records in mode always. */
inline write_surely(result) {
    admit(result);
    if
    :: result == OK -> append(end, result)
    :: else -> skip
    fi;
    if
    :: result == OK ->
        log_sync(end, result);
        assert(result != OK || on_disk >= end)
    :: else -> skip
    fi;
    atomic { end = 0; result = OK }
}

/* Records that are only handed to the system, by blitzdb_write_out() or because many wait. */
inline write_loosely(result) {
    append(end, result);
    if
    :: result == OK ->
        log_write_out(end, result);
        assert(result != OK || file_position >= end)
    :: result == OK -> relieve(result)
    :: else -> skip
    fi;
    atomic { end = 0; result = OK }
}

/* Writes some records surely, then some loosely. */
proctype writer(byte me; byte sure; byte loose) {
    byte who, end, mark, result, leader;
    bool works, served, taken_out[THREADS];
    do
    :: sure > 0 -> sure--; write_surely(result)
    :: else -> break
    od;
    do
    :: loose > 0 -> loose--; write_loosely(result)
    :: else -> break
    od
}

/* Three threads that want to be sure, one of which may go on without care while the others lead and wait; or
 * two, one of which writes twice, so that a segment fills up, and one that does not care. */
init {
    c_code { now.mutant = getenv("MUTANT") ? atoi(getenv("MUTANT")) : 0; };
    if
    :: atomic { true -> run writer(0, 1, 1); run writer(1, 1, 0); run writer(2, 1, 0) }
    :: atomic { true -> run writer(0, 1, 0); run writer(1, 1, 0); run writer(2, 1, 0) }
    :: atomic { true -> run writer(0, 2, 0); run writer(1, 1, 0); run writer(2, 0, 1) }
    fi
}
