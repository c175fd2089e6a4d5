/* sim: a whole set of nodes in one process, under a clock, a network and disks that are made up.
 *
 * Everything that happens follows from the seed. A run is: events from a heap, in order of time;
 * each is given to a node (a small table of functions, node.h) or changes the world; what nodes say
 * goes to the network, what they record to their disks. The checks watch all of it, and the first
 * thing that must not happen ends the run with a sentence. */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "tenor/base.h"
#include "tenor/crypto.h"
#include "tenor/peer.h"

#define SIM_NODES_MAX  24u /* machines, twins and validators to come included */
#define SIM_FAULTS_MAX 96u
#define SIM_MS         INT64_C(1000) /* of microseconds */
#define SIM_SECOND     INT64_C(1000000)

/* ---- What may go wrong -------------------------------------------------------------------------
 * name, word on the command line */
#define SIM_FAULT_TABLE(X)                                                                         \
    X(LOSS, "loss")               /* messages are lost, up to 35 % */                              \
    X(DUPLICATE, "duplicate")     /* and come twice */                                             \
    X(DELAY, "delay")             /* and late, up to 3 s, in any order */                          \
    X(PARTITION, "partition")     /* two groups that do not hear each other */                     \
    X(ONE_WAY, "one-way")         /* one direction of some links is dead */                        \
    X(CRASH, "crash")             /* power is cut at some nodes, and comes back */                 \
    X(BLACKOUT, "blackout")       /* at all of them */                                             \
    X(AWAY, "away")               /* a node is off for so long that it must take a snapshot */     \
    X(SLOW_DISK, "slow-disk")     /* a sync takes up to half a second */                           \
    X(FULL_DISK, "full-disk")     /* no record fits for a while */                                 \
    X(ROT, "rot")                 /* a restarted node finds its log damaged */                     \
    X(BACKUP, "backup")           /* it comes back with an old copy of its log; in quiet runs */   \
    X(CLOCK, "clock")             /* a clock jumps, or runs fast or slow */                        \
    X(SLOW_WORK, "slow-work")     /* executing a block takes long */                               \
    X(IDLE, "idle")               /* nobody trades */                                              \
    X(MEMBERS, "members")         /* validators join, leave, get another weight */                 \
    X(TIME_OF_DAY, "time-of-day") /* one node takes it to be another time, up to hours off */      \
    X(MEMORY, "memory")           /* a checkpoint is worked out wrong, and another node is off */  \
    X(ALONE, "alone")             /* who has an old copy of its log hears nobody at first */

enum sim_fault_kind {
#define X(name, word) SIM_FAULT_##name,
    SIM_FAULT_TABLE(X)
#undef X
        SIM_FAULT_KINDS
};

/* One planned fault. Which of the fields mean something is the kind's. */
struct sim_fault {
    enum sim_fault_kind kind;
    int64_t start_us, end_us;
    uint32_t nodes; /* a bit for each */
    int64_t amount; /* ppm, or microseconds */
    uint64_t seed;  /* for choices made when it happens */
    bool without;   /* taken out by --without */
    bool on;
};

/* What attackers do; each run has some of them, or those of the command line. */
#define SIM_ATTACK_TABLE(X)                                                                        \
    X(EQUIVOCATE, "equivocate")   /* two or three proposals for one view */                        \
    X(SPLIT, "split")             /* different votes to different peers */                         \
    X(WITHHOLD, "withhold")       /* certificates kept back, told to some, and late */             \
    X(STALE, "stale")             /* a proposal on an old or unjustified parent */                 \
    X(REPLAY, "replay")           /* old messages again */                                         \
    X(GARBAGE, "garbage")         /* bytes that mean nothing, and messages with bits flipped */    \
    X(BOTH, "both")               /* NULLIFY and FINALIZE of one view */                           \
    X(CHECKPOINTS, "checkpoints") /* two checkpoints of one height */                              \
    X(SILENT, "silent")           /* says nothing, now and then */                                 \
    X(BODY, "body")               /* proposals whose body or batches nobody gets, or bad ones */

enum sim_attack {
#define X(name, word) SIM_ATTACK_##name,
    SIM_ATTACK_TABLE(X)
#undef X
        SIM_ATTACKS
};

/* Of the program: its name, and what --attacks knows; attack.c, whole_attack.c. */
extern const char SIM_NAME[];
extern const char *const SIM_ATTACK_WORDS[];
extern const uint32_t SIM_ATTACK_WORDS_COUNT;

struct sim_options {
    uint64_t seed;
    uint32_t nodes_count; /* 0: the seed chooses */
    int64_t duration_ms;  /* of faults; what it takes to recover comes on top */
    uint32_t faults;      /* bits of sim_fault_kind */
    uint32_t attacks;     /* bits of sim_attack */
    int32_t byzantine;    /* nodes, -1: the seed chooses */
    int32_t twins;        /* 1: they are twins, 0: not, -1: the seed chooses */
    uint64_t without[2];  /* faults of the plan that do not happen */
    bool plain;           /* equal weights */
    bool all;             /* every kind of fault in one run, rather than some */
    bool show;            /* prints the trace as it comes */
};

/* ---- Events ----------------------------------------------------------------------------------
 */
struct sim_message { /* shared by all receivers */
    uint32_t references;
    uint32_t size;
    uint8_t bytes[];
};

enum sim_event_kind {
    SIM_EVENT_MESSAGE, /* arrives at node */
    SIM_EVENT_WAKE,    /* node has something to do */
    SIM_EVENT_SYNCED,  /* node's disk has what it was given */
    SIM_EVENT_FAULT,   /* begins (a = 0) or ends (a = 1) */
    SIM_EVENT_RESTART, /* a node that ended by itself is started again */
    SIM_EVENT_WORLD,   /* once in a while: load, attackers, checks */
};

struct sim_event {
    int64_t at_us;
    uint64_t order; /* of two at one time, the one made first */
    struct sim_message *message;
    uint64_t a;
    uint32_t generation; /* of the node: what was under way when power went is gone */
    uint16_t node, from;
    enum sim_event_kind kind;
};

struct sim_heap {
    struct sim_event *events;
    uint32_t count, room;
    uint64_t made;
};
void sim_heap_push(struct sim_heap *heap, struct sim_event event);
struct sim_event sim_heap_pop(struct sim_heap *heap); /* there must be one */

/* ---- The trace ---------------------------------------------------------------------------------
 * Everything goes into its hash; the last lines stay readable. */
#define SIM_TRACE_LINES 3000u

struct sim_trace_line {
    int64_t at_us;
    const char *what; /* static; may hold %a %b %c, replaced by the numbers */
    uint64_t a, b, c;
    uint16_t node;
};

struct sim_trace {
    struct sim_trace_line lines[SIM_TRACE_LINES];
    uint64_t count;
    struct tn_digest digest;
};

/* ---- Disks -------------------------------------------------------------------------------------
 * A log of records. What a sync has confirmed stays; of the rest a power cut leaves a prefix. */
struct sim_record {
    uint8_t *bytes;
    uint32_t size;
    uint8_t type;
};

struct sim_disk {
    struct sim_record *records;
    uint32_t count, room, synced;
    uint64_t bytes, bytes_most;
    int64_t sync_us; /* how long one takes, about */
    int64_t slow_us; /* under a fault: up to so much more */
    bool full;
};
void sim_disk_append(struct sim_disk *disk, uint8_t type, const uint8_t *bytes, size_t size);
void sim_disk_cut(struct sim_disk *disk, uint64_t *random); /* power goes */
void sim_disk_wipe(struct sim_disk *disk);
/* Without the last so many records. */
void sim_disk_forget(struct sim_disk *disk, uint32_t records);
/* Frees the first so many records, which are synced. */
void sim_disk_release(struct sim_disk *disk, uint32_t records);

/* ---- The world ---------------------------------------------------------------------------------
 */
struct sim_files;
struct sim_node;
struct sim_node_kind;

struct sim_saying { /* waits for the disk */
    struct sim_message *message;
    uint16_t to;
};

struct sim_machine {
    const struct sim_node_kind *kind;
    struct sim_node *node;   /* NULL: off */
    struct sim_disk disk;    /* of the toy: a list; of a whole member: how slow, how full */
    struct sim_files *files; /* of a whole member */
    struct sim_saying *sayings;
    struct sim_event *inbox; /* what came while the disk was busy */
    uint32_t sayings_count, sayings_room, inbox_count, inbox_room;
    uint64_t random; /* of its disk and its work */
    uint64_t ticket; /* of the wake that counts */
    uint32_t generation;
    bool busy;
    bool held_off;    /* by a fault, up to its end */
    bool dying;       /* power goes at some call of its disk */
    bool aged;        /* bits of its disk were turned over since it was last found good */
    bool old_copy;    /* it came back with an old log, and may be silent for that */
    bool renewing;    /* it writes down again what is in its log already */
    bool rotten;      /* its log will be found damaged */
    uint32_t forgets; /* records: it comes back with an old copy of its log */
    bool lost_log;    /* comes back with nothing */
    bool flips;       /* a bit of the next checkpoint that it works out is another */
    bool falls;       /* its power goes when what it has just said is on its way */
    bool mute;        /* so it says nothing up to the end of this epoch */
    uint64_t mute_epoch, synced_epoch;
    int64_t skew_us;          /* its clock, less the true one */
    int64_t day_us;           /* its time of day, less its clock: no timer looks at it */
    int64_t work_us;          /* that a block takes to execute, under a fault */
    uint64_t store_height;    /* what its store holds, durably */
    uint64_t base_height;     /* a snapshot's: it has no older blocks */
    uint64_t reported_height; /* final, and said so */
    uint64_t started;         /* how often */
    uint16_t identity;        /* whose key it has */
    bool byzantine;
};

#define SIM_INBOX_MAX   20000u
#define SIM_SAYINGS_MAX 20000u /* of one turn */

struct sim_network {
    uint64_t random;
    uint32_t loss_ppm, duplicate_ppm;
    int64_t delay_us, base_us;       /* most of a fault; usual */
    uint32_t blocked[SIM_NODES_MAX]; /* [from]: bits of receivers that hear nothing */
    uint64_t sent, lost, bytes;
};

/* What a run came past, so that it can be seen that it did: name, word. */
#define SIM_COUNT_TABLE(X)                                                                         \
    X(CUTS, "power_in_calls")      /* power went in the midst of a call of the disk */             \
    X(TORN, "torn_tails")          /* of logs, found at a start */                                 \
    X(FULL, "full_turns")          /* that found no room */                                        \
    X(STORED, "store_checkpoints") /* taken */                                                     \
    X(LOG_ROT, "log_rot")          /* bits turned over */                                          \
    X(STORE_ROT, "store_rot")                                                                      \
    X(DAMAGE_FOUND, "damage_found") /* at a start, which refused */                                \
    X(EMPTIED, "homes_emptied")                                                                    \
    X(SYNCS, "syncs_begun")              /* of the state, from others */                           \
    X(SYNCS_REFUSED, "syncs_refused")    /* the records were not those of the certificate */       \
    X(SYNC_LIES, "sync_lies")            /* answers of a hostile node */                           \
    X(SYNC_BANS, "sync_bans")            /* who served them is not asked again */                  \
    X(DIRECT, "direct_frames")           /* by the way of a second thread */                       \
    X(DIRECT_SEALED, "direct_sealed")    /* batches that were full there */                        \
    X(REMITTED, "remitted")              /* transfers that came to another market */               \
    X(SPLITS, "two_batches")             /* that a hostile leader sealed for one place */          \
    X(SPLITS_FOUND, "two_batches_found") /* by an honest node, which has both */                   \
    X(MEMORY, "wrong_checkpoints")       /* signed by a node whose memory failed */                \
    X(ORDERLY, "orderly_ends")           /* a last checkpoint, at any height, and the log sealed */

enum sim_count {
#define X(name, word) SIM_COUNT_##name,
    SIM_COUNT_TABLE(X)
#undef X
        SIM_COUNTS
};

struct sim_figures {
    uint64_t counts[SIM_COUNTS];
    uint64_t blocks, epochs, restarts, syncs, snapshots, evidence, checkpoints, messages;
    int64_t virtual_us, recovery_us;
};

struct sim {
    struct sim_options options;
    int64_t now_us;
    struct sim_heap heap;
    struct sim_trace trace;
    struct sim_network network;
    struct sim_machine machines[SIM_NODES_MAX];
    uint32_t machines_count;
    struct sim_fault faults[SIM_FAULTS_MAX];
    uint32_t faults_count;
    int64_t calm_us; /* from here on nothing fails any more */
    uint64_t random; /* of the plan and the load */
    struct sim_checks *checks;
    struct sim_world *world; /* keys, sets, the toy market: world.h */
    struct sim_attacker *attacker;
    struct whole *whole; /* of tenor-sim-whole, in the place of the three: whole.h */
    struct sim_figures figures;
    bool idle, members_change;
    bool quiet; /* nobody Byzantine, and what is said arrives */
    bool failed;
    bool panicked; /* an assertion ended the run */
    char failure[700];
};

/* A line of the trace. */
void sim_trace(struct sim *sim, uint32_t node, const char *what, uint64_t a, uint64_t b,
               uint64_t c);
void sim_trace_print(const struct sim *sim, uint32_t lines_max);
void sim_trace_print_line(const struct sim_trace_line *line);

/* Something that must not happen has happened; the first one is kept. */
void sim_fail(struct sim *sim, uint32_t node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* From a machine to another, or to all but itself. The caller keeps its reference. */
void sim_network_send(struct sim *sim, uint32_t from, uint32_t to, struct sim_message *message);
struct sim_message *sim_message_make(const uint8_t *bytes, size_t size);
void sim_message_release(struct sim_message *message);

/* What leaves a machine is looked at: check.c. */
void sim_check_said(struct sim *sim, uint32_t machine, const uint8_t *bytes, size_t size);
/* What a machine records is looked at, before it is appended. */
void sim_check_recorded(struct sim *sim, uint32_t machine, uint8_t type, const uint8_t *bytes,
                        size_t size);

/* The plan of faults, made from the seed; and what one does when it begins and ends. */
void sim_faults_plan(struct sim *sim);
void sim_faults_apply(struct sim *sim, uint32_t fault, bool begins);
void sim_faults_describe(const struct sim *sim, uint32_t fault, char *out, size_t size);

/* Power goes at a machine; and comes back. Nothing when it is so already. */
void sim_machine_off(struct sim *sim, uint32_t machine);
void sim_machine_on(struct sim *sim, uint32_t machine);
/* Its node wants a turn, now. */
void sim_machine_nudge(struct sim *sim, uint32_t machine);

/* One run, from the seed to the verdict: false when it failed. */
bool sim_run(struct sim *sim, const struct sim_options *options);
void sim_free(struct sim *sim);

#endif
