/* Locks and reclamation: nobody sees a freed or half-written entry, or half a batch; nobody waits for ever.
 *
 * Model                      lib/
 * read_acquire               bzd_rwlock_read_acquire(): try, then bzd_rwlock_read_wait(): tries, then sleeps
 * write_acquire              bzd_rwlock_write_acquire(), likewise; once it sleeps, new readers are held back
 * allocate, release_block    bzd_arena_alloc(), bzd_arena_free(): a block is another shard's at once
 * batch                      bzd_txn_begin() to bzd_txn_commit() on two shards, ascending; bzd_shard_put()
 *                            or, in place, bzd_shard_overwrite()
 * mover                      bzd_shard_tidy(): an entry moves to another block
 * one_reader                 blitzdb_get(), blitzdb_view() of one key
 * pair_reader                blitzdb_mget(): bzd_store_read_acquire(), ascending
 *
 * A value is written and read in two halves. The claim writer_enters (compiled with -DLIVE) says that a writer
 * enters although readers come and go for ever.
 *
 * Mutants (environment variable MUTANT): */
#define DESCENDING 1    /* a batch takes its locks in the other order */
#define READ_LOCK 2     /* an entry is moved under the read lock */
#define LATE_LOOK 3     /* a reader looks at the entry after it gave the lock back */
#define ONE_BY_ONE 4    /* a batch gives the first lock back before it takes the second */
#define ARENA_FIRST 5   /* the arena's mutex is taken before the shard's lock */
#define NO_PREFERENCE 6 /* readers overtake a writer that sleeps; shows in the claim */

#define SHARDS 2
#define BLOCKS 6
#define TRIES 1

typedef rwlock { byte readers; bool writer; byte sleepers }
typedef entry_block { bool used; byte low; byte high }

byte mutant;
rwlock lock[SHARDS];
bool arena_held;
entry_block blocks[BLOCKS];
byte slot[SHARDS]; /* the published block of each shard's key */
byte version;      /* newest version of the batch */
bool writes;       /* for the claim: a writer has asked, and has entered */
bool has_written;

#define may_read(s) (!lock[s].writer && (lock[s].sleepers == 0 || mutant == NO_PREFERENCE))
#define may_write(s) (!lock[s].writer && lock[s].readers == 0)

inline read_acquire(s) {
    tries = 0;
    do
    :: atomic { may_read(s) -> lock[s].readers++; break }
    :: atomic { !may_read(s) && tries < TRIES -> tries++ }
    :: !may_read(s) && tries == TRIES ->
        atomic { may_read(s) -> lock[s].readers++ };
        break
    od
}

inline read_release(s) {
    lock[s].readers--
}

inline write_acquire(s) {
    tries = 0;
    do
    :: atomic { may_write(s) -> lock[s].writer = true; break }
    :: atomic { !may_write(s) && tries < TRIES -> tries++ }
    :: atomic { !may_write(s) && tries == TRIES -> lock[s].sleepers++ };
        atomic { may_write(s) -> lock[s].writer = true; lock[s].sleepers-- };
        break
    od
}

inline write_release(s) {
    lock[s].writer = false
}

inline arena_acquire() {
    atomic { !arena_held -> arena_held = true }
}

inline arena_release() {
    arena_held = false
}

/* The lowest free block, so that what was freed is used again soon. */
inline take_block(ref) {
    d_step {
        ref = 0;
        do
        :: ref < BLOCKS && blocks[ref].used -> ref++
        :: else -> break
        od;
        assert(ref < BLOCKS);
        blocks[ref].used = true
    }
}

inline allocate(ref) {
    arena_acquire();
    take_block(ref);
    arena_release()
}

inline release_block(ref) {
    arena_acquire();
    assert(blocks[ref].used);
    d_step {
        blocks[ref].used = false;
        blocks[ref].low = 99;
        blocks[ref].high = 99
    };
    arena_release()
}

/* Reads a value; what it reads from must be there all the time. */
inline look(ref, value) {
    assert(blocks[ref].used);
    value = blocks[ref].low;
    assert(blocks[ref].used && blocks[ref].high == value)
}

#ifndef LIVE

/* Changes one shard of a batch: in a new block, or in place. */
inline change(s) {
    if
    :: old = slot[s];
        allocate(fresh);
        blocks[fresh].low = next;
        blocks[fresh].high = next;
        slot[s] = fresh;
        release_block(old)
    :: blocks[slot[s]].low = next;
        blocks[slot[s]].high = next
    fi
}

proctype batch(byte rounds) {
    byte tries, old, fresh, next, first, second;
    first = (mutant == DESCENDING -> 1 : 0);
    second = 1 - first;
    do
    :: rounds == 0 -> break
    :: rounds > 0 ->
        rounds--;
        write_acquire(first);
        if
        :: mutant == ONE_BY_ONE -> skip
        :: else -> write_acquire(second)
        fi;
        next = version + 1;
        version = next;
        change(first);
        if
        :: mutant == ONE_BY_ONE -> write_release(first); write_acquire(second)
        :: else -> skip
        fi;
        change(second);
        if
        :: mutant == ONE_BY_ONE -> skip
        :: else -> write_release(first)
        fi;
        write_release(second)
    od
}

proctype mover(byte s; byte rounds) {
    byte tries, old, fresh;
    do
    :: rounds == 0 -> break
    :: rounds > 0 ->
        rounds--;
        if
        :: mutant == ARENA_FIRST -> arena_acquire(); write_acquire(s); take_block(fresh); arena_release()
        :: mutant == READ_LOCK -> read_acquire(s); allocate(fresh)
        :: else -> write_acquire(s); allocate(fresh)
        fi;
        old = slot[s];
        blocks[fresh].low = blocks[old].low;
        blocks[fresh].high = blocks[old].high;
        slot[s] = fresh;
        release_block(old);
        if
        :: mutant == READ_LOCK -> read_release(s)
        :: else -> write_release(s)
        fi
    od
}

proctype one_reader(byte s; byte rounds) {
    byte tries, ref, value;
    do
    :: rounds == 0 -> break
    :: rounds > 0 ->
        rounds--;
        read_acquire(s);
        ref = slot[s];
        if
        :: mutant == LATE_LOOK -> read_release(s); look(ref, value)
        :: else -> look(ref, value); read_release(s)
        fi
    od
}

proctype pair_reader(byte rounds) {
    byte tries, ref, value, other;
    do
    :: rounds == 0 -> break
    :: rounds > 0 ->
        rounds--;
        read_acquire(0);
        read_acquire(1);
        ref = slot[0];
        look(ref, value);
        ref = slot[1];
        look(ref, other);
        assert(value == other);
        read_release(0);
        read_release(1)
    od
}

init {
    c_code { now.mutant = getenv("MUTANT") ? atoi(getenv("MUTANT")) : 0; };
    atomic {
        slot[1] = 1;
        blocks[0].used = true;
        blocks[1].used = true;
        run batch(2);
        run mover(1, 1);
        run one_reader(0, 1);
        run pair_reader(1)
    }
}

#else

proctype reader_for_ever() {
    byte tries;
    do
    :: read_acquire(0); read_release(0)
    od
}

proctype one_writer() {
    byte tries;
    writes = true;
    write_acquire(0);
    has_written = true;
    write_release(0)
}

init {
    c_code { now.mutant = getenv("MUTANT") ? atoi(getenv("MUTANT")) : 0; };
    atomic { run reader_for_ever(); run reader_for_ever(); run one_writer() }
}

ltl writer_enters { [] (writes -> <> has_written) }

#endif
