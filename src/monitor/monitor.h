/* monitor.h - one monitor supervises one version with ptrace and seccomp.
 *
 * The coordinator forks a monitor per version; a monitor forks its version and never knows more
 * than that version and the stream. monitor_main does not return.
 */
#ifndef TANDEM_MONITOR_H
#define TANDEM_MONITOR_H

#include <sched.h>
#include <sys/resource.h>

#include "monitor/stream.h"
#include "monitor/task.h"

/* Sources of nondeterminism; a shield each, on unless exposed. */
enum source {
	SRC_VDSO = 1, SRC_PID = 2, SRC_TSC = 4, SRC_CPUID = 8, SRC_RAND = 16, SRC_CPU = 32,
	SRC_AUXV = 64, SRC_ASLR = 128, SRC_RSEQ = 256, SRC_UNINIT = 512, SRC_THREADS = 1024,
	SRC_SIGNALS = 2048, SRC_SHM = 4096
};
struct source_name { const char *name; unsigned bit; };
extern const struct source_name source_names[];

/* How one version is started. Strings are borrowed from the command line. */
struct version_spec {
	char *path;            /* executable, found in PATH */
	char **argv, **envp;
	bool other;            /* another executable or command line than the leader's */
};

/* Limits of the program that would count for tandem's own doings. */
#define CONFIG_LIMITS 5
extern const int config_limits[CONFIG_LIMITS];

struct experiment;

enum fault_kind { FAULT_NONE, FAULT_LAG, FAULT_STOP };

struct config {
	int n;                 /* versions, the leader included */
	struct version_spec *spec;
	unsigned exposed;      /* enum source */
	bool start_main;       /* match only from main on */
	bool drop_when_full, kill_on_divergence;
	uint64_t ring_size;
	uint32_t stack;        /* bytes of the stack in an event; 0: none, and no registers */
	bool fd_names;         /* events carry the names behind descriptors (trace -y) */
	bool chaos;            /* the leader's tasks take turns by chance */
	uint64_t chaos_seed;
	bool recording;        /* the stream is kept: somebody follows it one day */
	bool gdb_at_divergence; /* a version that diverges waits for gdb there */
	int gdb_listener;      /* a replay waits there for gdb; or -1 */
	uint64_t gdb_at;       /* ... and goes on to this event by itself; 0: it waits at its start */
	bool replaying;        /* the stream comes from a recording; versions from 1 on follow it */
	const struct experiment *experiment; /* ... with other values than it has; or NULL */
	bool tracing;          /* a person watches: publish calls that sleep after a while */
	enum fault_kind fault;
	uint64_t fault_ns, fault_seed, fault_event;
	cpu_set_t cpus;        /* those we were given */
	bool cpu_known;
	uint64_t ignored_here; /* signals that were ignored when tandem started */
	uint64_t ignored;      /* ... when the program did: the same, but for a recorded one */
	sigset_t sigmask;      /* blocked then */
	struct rlimit limit[CONFIG_LIMITS];  /* config_limits, as they were then... */
	bool limited[CONFIG_LIMITS];         /* ... where tandem has raised its own */
};

/* Whether anybody needs more than the calls: the bytes of files, states. */
static inline bool config_followed(const struct config *cfg)
{
	return cfg->n > 1 || cfg->recording;
}

/* What a monitor tells the coordinator, over a socket that keeps messages apart. */
enum note_kind {
	NOTE_ROOT = 1,         /* pid of the version's root process */
	NOTE_DIVERGENCE,       /* JSON text of a finding */
	NOTE_END,              /* wait status of the root process; `text`: JSON of counts */
	NOTE_FAILED,           /* the version could not be started: errno in `value` */
	NOTE_REFUSED, NOTE_UNKNOWN, /* text: what */
	NOTE_DROP,             /* value: the slot of a follower that is too slow */
	NOTE_WARNING,          /* text for stderr and the report */
	NOTE_SHARED,           /* text: see outside_note */
	NOTE_INCOMPLETE,        /* text: what a replay has not done of what the program did */
	NOTE_EXPERIMENT,       /* text: see experiment.h */
};
struct note {
	uint32_t kind, version;
	int64_t value;
	char text[];
};
#define NOTE_MAX 131072

struct stash { pid_t tid; int status; };
struct given;
struct tried;
struct firstread;
struct reprint;
struct gdb;

struct monitor {
	const struct config *cfg;
	struct stream *s;
	int version;           /* 0: the leader */
	int consumer;          /* follower: its slot in the ring */
	int sink_slot;         /* the coordinator's own slot, or -1 */
	int notes;             /* socket to the coordinator */
	cpu_set_t own_cpus;    /* where this version lives */

	struct task *hash[1024];
	struct task **by_id;
	uint32_t room_ids, last_id, last_domain, last_space;
	int ntasks;            /* not dead */
	struct process *root;
	int root_status;
	bool tsc_traps;        /* the kernel can make rdtsc trap... */
	bool cpuid_faults;     /* ... and cpuid */
	uint64_t start_at;     /* breakpoint where matching starts; 0: none */
	uint8_t start_byte;    /* what it replaced */
	int exec_error;        /* pipe: why the root could not be executed */

	uint64_t rng;          /* of --chaos in the leader, of lags in a follower */

	struct stash *stash;
	int nstash, roomstash;

	/* leader */
	struct buf build;      /* the event being put together */
	uint64_t unverified_sites;     /* instructions that could not be proven to be ones */
	uint64_t unscanned_bytes;      /* text too large to look for them */
	uint64_t shared_turns, deferred_signals, async_signals;
	uint64_t points, point_bytes;  /* see leader_points.c */
	uint64_t spins;                /* points that needed no state */
	bool looks_soon;               /* monitor_alarm was asked for a look at who keeps the turn */

	struct given *given;           /* it is recorded: which descriptors are the standard output; else NULL */

	/* follower */
	const struct event *event;     /* the one being consumed */
	uint64_t last_seq;
	struct event *recent[8];       /* copies of the last events, without their bytes */
	uint64_t nrecent;
	uint64_t next_lag, lag_gap;
	bool image_pending;            /* the root has no image yet */
	bool unordered;                /* tasks of its own layout have run in no order since a point */
	bool before_mark;              /* events up to EV_MARK are skipped */
	struct symbols *symbols;
	struct gdb *gdb;               /* it is debugged; else NULL */
	struct reprint *reprint;       /* it is a replay, and prints; else NULL */
	struct tried *tried;           /* experiment: what came of it so far */
	struct firstread *firstread;   /* ... who reads what was put somewhere; or NULL */
	uint64_t spoils;               /* --expose=uninit: how often garbage was put somewhere */
};


_Noreturn void leader_main(struct monitor *m);
_Noreturn void follower_main(struct monitor *m);

/* launch.c: fork the version's root, stopped under ptrace, with its seccomp filter. 0 or -errno. */
int launch(struct monitor *m, struct task **ret);
/* Run the stopped root up to its successful exec. -errno, and *ret_why: "" when it was the exec that failed. */
int launch_to_exec(struct monitor *m, struct task *t, const char **ret_why);

/* monitor.c */
/* The next stop: from the stash, or from waitpid (block: wait; interrupted by the tick: 0). */
pid_t monitor_wait(struct monitor *m, int *ret_status, bool block);
void monitor_stash(struct monitor *m, pid_t tid, int status);
void monitor_note(struct monitor *m, int kind, int64_t value, const char *text);
void monitor_notef(struct monitor *m, int kind, int64_t value, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* End all tasks of this version, and wait until they are gone. */
void monitor_kill_all(struct monitor *m);
/* Start the tick: SIGPROF every 10 ms, which interrupts waits. */
void monitor_tick_start(void);
/* Whether there was a tick since the last question. */
bool monitor_ticked(void);
/* Once, after `ns`: a wait is interrupted, and monitor_alarmed says so. The last one asked for counts. */
void monitor_alarm(uint64_t ns);
bool monitor_alarmed(void);
/* The root is forked: let go of everything that the program was given. */
void monitor_let_go(struct monitor *m);
/* Pin this process (and what it forks) to the core of version `v`. */
void monitor_pin(struct monitor *m);

#endif
