/* task.h - the threads, processes and address spaces of one version, as its monitor holds them.
 *
 * A task is stopped whenever its monitor looks at it: functions that read registers or write memory
 * require that (the caller must hold the task in a ptrace stop). Errors are -errno; -ESRCH means
 * that the task was killed under our hands, and that its death will be reported by waitpid.
 */
#ifndef TANDEM_TASK_H
#define TANDEM_TASK_H

#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/user.h>

#include "abi/event.h"
#include "abi/table.h"
#include "abi/walk.h"
#include "base/base.h"
#include "monitor/shields/insn.h"

struct monitor;

/* A mapping of a file, for backtraces and for those that write to the file later. */
struct mapping {
	uint64_t start, end, offset;   /* in this version's memory */
	uint64_t leader;               /* where the leader has it */
	uint64_t dev, ino;
	uint64_t state;                /* leader: of the file when it was mapped (file_state) */
	char *path;
	int prot;
	bool shared;
};

/* A breakpoint for --expose=uninit. */
struct heap_stop { uint64_t at; int what; uint8_t byte; };

/* Those who can see what others of them write: all tasks of an address space, and all address spaces that share memory.
 * In the leader one of them runs at a time. */
struct domain {
	int refs;                      /* address spaces */
	uint32_t id;
	struct task *tasks;            /* linked by next_dom */
	int ntasks;
	bool free;                     /* leader, --expose=threads: all of them run, in no order */
	struct task *turn;             /* leader: who may run; NULL: whoever comes */
	uint64_t turn_since;           /* now_mono */
	uint64_t turn_lives;           /* when who has it was last seen to make a call */
};

struct mm {
	int refs;
	uint32_t space;                /* number, unique in the run */
	struct domain *dom;
	int mem;                       /* /proc/PID/mem, or -1 */
	uint64_t vdso;                 /* address of the vDSO, 0: none */
	uint64_t brk_start, brk;       /* followers emulate the break */
	struct mapping *map;
	int nmap, roommap;
	bool own_layout;               /* follower: addresses differ from the leader's */
	bool own_brk;                  /* follower: the kernel's own break is the program's */
	struct mm *leader_view;        /* follower of another executable: the leader's mappings, or NULL */
	struct task *tasks;            /* that use it, linked by next_mm */
	int ntasks;
	bool shares;                   /* leader: maps memory that other address spaces may see it write */
	bool leaving;                  /* leader: an exec out of it is not published yet: nobody may run */
	uint64_t stack_end;            /* end of the first task's stack */
	uint64_t start_sp;             /* follower: its stack pointer when it was fresh from exec */
	uint64_t loader_dev, loader_ino; /* leader: the file of the dynamic loader, 0: none */
	bool undumpable;               /* leader: what the program asked for; the kernel was not told */
	struct heap_stop heap[64];     /* follower, --expose=uninit */
	int nheap;
	uint64_t point_cost;           /* leader: what the last EV_POINT took of the monitor's CPU time, ns */
	uint64_t look_after;           /* leader: how long a task may keep others waiting before it is looked at, ns; 0: LOOK_NS */
	unsigned unlooked;             /* leader: tasks stopped since they have computed for long, that were not looked at */
	bool pointless;                /* leader: there is too much memory for one */
	struct buf scratch;            /* leader: struct slot, see leader_outputs.c */
	struct buf chunks;             /* ... struct span, in which they are: nothing of the program's */
	struct buf writable;           /* ... struct span: memory that is known to be writable */
	bool no_scratch;               /* ... there is none to be had */
};

struct cookies;
/* cookies.c; NULL is none. */
struct cookies *cookies_copy(const struct cookies *from);
void cookies_free(struct cookies *c);

/* What a program has said about a signal. */
struct disposition {
	bool ignored;                  /* SIG_IGN */
	bool handled;                  /* has a handler */
	uint64_t action[4];            /* as rt_sigaction was given it: the handler first */
};

struct process {
	pid_t pid;                     /* as the kernel numbers it, in the monitor's namespace */
	pid_t leader_pid;              /* the number that the program sees */
	int ntasks;
	struct mm *mm;
	bool execed;                   /* runs the program, not tandem's own start code */
	bool killed;                   /* follower: SIGKILL was sent */
	bool ending;                   /* leader: followers have heard of its end, by a signal or exit_group */
	bool exits;                    /* follower: has made exit_group */
	struct cookies *cookies;       /* follower: see cookies.c */
	bool filtered;                 /* follower: the leader's has answered a seccomp call; see memory_alone */
	bool foreign;                  /* runs a 32-bit program, or one that may not be read: followers can't follow */
	bool other_spaces;               /* may be in namespaces of its own, where clocks and pids differ */
	struct disposition trapped[2]; /* SIGSEGV's and SIGTRAP's, which a shield's traps may reset: process_disposition */
	struct patch_set *patches;     /* instructions patched to traps, by address */
	uint64_t fdknown[16];          /* leader: bit per descriptor < 1024: names no file that is kept */
	uint64_t fd_generation;        /* ... as of when */
	uint64_t ignored_at;           /* leader: when (now_wall) one of its threads last met a signal that is ignored */
};

enum task_state { TASK_NEW, TASK_RUNNING, TASK_STOPPED, TASK_DEAD };

/* Leader: what a task is doing. */
enum lead_phase {
	LEAD_STARTING,                 /* not yet in the program: tandem's own code up to exec */
	LEAD_USER,                     /* running the program's code */
	LEAD_CALL,                     /* in a call; its exit stop comes */
	LEAD_RESTART,                  /* a call returned -ERESTART..; a signal or the call again comes */
	LEAD_BORN,                     /* newborn, waiting for its first turn */
	LEAD_EXITING,
};

/* Follower: where a task stands. */
enum follow_at {
	AT_RUNNING,                    /* nowhere yet */
	AT_BORN,                       /* newborn, not yet let run */
	AT_CALL,                       /* at the entry of a call */
	AT_DONE,                       /* at the exit of a call that was executed here */
	AT_START,                      /* where matching starts */
	AT_POINT,                      /* where the leader's was stopped while it computed */
	AT_INSN, AT_FAULT, AT_EXIT, AT_DEAD
};

struct span { uint64_t start, end; };

/* Scratch memory for one call's outputs. */
struct slot { uint64_t at, size; bool taken; };

struct held_signal {
	siginfo_t info;
	uint64_t since;                /* now_mono() */
	uint64_t cpu;                  /* the task's CPU time then */
	struct held_signal *next;
};

struct task {
	uint32_t id;                   /* logical number, the same in every version */
	pid_t tid;                     /* as the kernel numbers it */
	pid_t leader_tid;              /* what the program sees */
	struct process *p;
	struct task *next_hash, *next_mm, *next_dom;
	struct mm *in_mm;              /* whose list it is on */
	enum task_state state;
	int status;                    /* of the last stop, while it is not handled */
	bool has_status;               /* the stop waits for the task's turn */
	uint64_t waits_since;
	uint64_t kept_back;            /* leader, --chaos: until when (now_mono); or 0 */

	struct user_regs_struct regs;  /* valid while stopped, once task_regs was called */
	bool regs_valid;

	uint64_t ctid;                 /* address of the word that the kernel clears at death */
	uint64_t robust;               /* head of the robust list */
	uint64_t sigmask;              /* the blocked set, as of the last call that changed it */
	uint64_t cpu, cpu_at;          /* CPU time, and when (now_wall) it was looked up */
	int schedstat;                 /* /proc/PID/task/TID/schedstat, or -1 */

	/* the call in progress */
	uint32_t nr;
	uint64_t args[6];
	uint64_t call_ip;
	uint64_t entered;              /* wall clock */
	uint32_t call_flags;           /* EVF_VDSO, EVF_INT80, EVF_REFUSED */
	const struct row *row;
	struct row scratch;            /* row_find's, for requests by encoding */
	struct walk walk;              /* what walk_exit needs to know of the entry */
	struct buf in;                 /* parts captured at entry */
	int in_parts;
	bool in_captured;
	bool entered_published;        /* EV_ENTER is out */
	uint64_t patched_args;         /* bit i: args[i] in the registers is not the program's */
	bool no_tsc;                   /* PR_SET_TSC: rdtsc is a fault, the program wants it so */

	/* leader */
	enum lead_phase phase;
	struct held_signal *held;
	bool awaits_signal;            /* not EVF_RUNS: a signal stop was announced */
	uint32_t child;                /* number of the task that the call in progress made */
	uint64_t untraced;             /* CLONE_UNTRACED was taken out of what its birth's call says: 1: rdi; else the word there */
	bool vfork_parent;
	bool announced;                /* the event that made it is out */
	bool hidden;                   /* born of a foreign process: followers never hear of it */
	bool mask_stale;               /* `sigmask` is to be looked up at the next call */
	bool untrapped;                /* rdtsc does not trap: it executes what may not be read */
	bool execing;                  /* past PTRACE_EVENT_EXEC; the exit stop comes */
	bool dying;                    /* EV_DEATH is out */
	int stops;                     /* the signal that stopped its group: it goes on to its next call, or to the end
	                                * of the stop; or 0 */
	uint64_t stops_since;          /* now_mono */
	bool stops_here;               /* ... it has got there, or nowhere in time */
	bool interrupted;              /* PTRACE_INTERRUPT is on its way... */
	uint64_t interrupted_at;       /* ... since (now_mono) */
	bool preempts;                 /* ... so that others get the turn */
	bool looks;                    /* ... if it does nothing but spin */
	bool preempted;                /* stands at a point that is published, until it has the turn again */
	bool held_back;                /* followers let it go only when they know its next event (EVF_TURNS) */
	uint64_t last_seq, last_at;    /* of its last event; when that was (now_wall) */
	uint64_t quiet_seq;            /* ... when a tick last looked */
	int quiet_ticks;               /* ... so often since */
	uint64_t quiet_cpu;            /* ... and its CPU time then */
	struct mm *left_mm;            /* execing: where it comes from */
	uint64_t turn_cpu;             /* CPU time when it was first seen to make others wait... */
	uint64_t turn_cpu_since;       /* ... when mm->turn_lives was that */
	int turn_ticks;                /* ... so often since */
	uint64_t looked;               /* ... mm->turn_lives when it was last looked at: once a turn */
	bool gave_way;                 /* at the entry of a quick call, see gives_way */
	bool naps;                     /* in a call that may sleep, and has the turn until somebody wants it */
	int64_t restart_result;        /* LEAD_RESTART: what the call returned */
	uint64_t written;              /* ... by a write that goes on, see lead_write_on */
	struct buf lent;               /* what lay where the call in progress finds an argument of ours: see task_lend... */
	uint64_t lent_at;
	struct buf moved;              /* what of its call goes to scratch memory first: see leader_outputs.c */
	uint64_t moved_args[6];
	size_t slot;                   /* ... 1 + which of mm->scratch, or 0 */
	bool unmoved;                  /* ... nothing, after all */
	uint64_t settid;               /* newborn: address of the word that gets its id */
	struct filter *filter;         /* the program's own seccomp filters, the newest first */
	bool strict;                   /* ... or its strict mode */
	cpu_set_t cpus;                /* the affinity that the program set, and sees */
	bool cpus_set;

	/* follower */
	enum follow_at at;
	bool has_result;               /* AT_CALL: `result` is to be given when the stream lets t go on */
	int64_t result;
	uint64_t resumed;              /* now_mono */
	uint64_t cpu_resumed;          /* CPU time at the first look after that; 0: none yet */
	int hang_looks;
	uint64_t malloc_size;          /* --expose=uninit: asked for by the malloc that it is in */
	uint64_t leader_cpu;           /* the leader's CPU time as of its last event */
	bool first_run;                /* newborn: has not run yet */
	bool exits;                    /* has made exit or exit_group */
	bool doomed;                   /* dead in the leader; here it ends with its process: nobody waits for that, and it is freed then */
	bool waits;                    /* may go on, as soon as its next event tells how far */
	bool parking;                  /* is being stopped where it is */
	bool parked;                   /* ... and gets the leader's state */
	struct buf named;              /* ... struct span: what of its memory that has named */
	bool unordered;                /* own layout: its way from a point on is not the leader's */
	siginfo_t fault;               /* AT_FAULT, AT_INSN */
	struct insn_op insn;           /* AT_INSN */
	struct buf rest;               /* own layout, other_args: where the fragments that follow go */
	bool other_args;               /* experiment: its call in progress has other arguments than were recorded */
	uint64_t ahead;                /* experiment: its events before this one are passed over */
};

/* CLONE_CLEAR_SIGHAND: a fresh process without its parent's handlers. */
void process_clear_handlers(struct process *p);
/* NULL: no shield's traps are of that signal. */
struct disposition *process_disposition(struct process *p, int sig);
/* After an exec, which leaves of the dispositions only what is ignored. */
void process_exec_dispositions(struct task *t);

/* ---- the set of tasks ---- */
struct task *task_by_tid(struct monitor *m, pid_t tid);
struct task *task_by_id(struct monitor *m, uint32_t id);
struct task *task_new(struct monitor *m, pid_t tid, struct process *p);   /* id 0: not known yet */
void task_set_id(struct monitor *m, struct task *t, uint32_t id);
void task_free(struct monitor *m, struct task *t);
/* All tasks, in no order: the first one for NULL, NULL after the last. Who may free t asks for the next one before. */
struct task *task_next(const struct monitor *m, const struct task *t);
/* What the descriptor `fd` of a task is; false where there is none. (A process whose first thread has ended shows nothing in
 * /proc/PID, but in /proc/TID of the others.) */
bool task_stat_fd(const struct task *t, int fd, struct stat *ret);
struct process *process_new(pid_t pid, struct mm *mm);
struct mm *mm_new(struct monitor *m, pid_t pid);
/* A copy: in a domain of its own, unless `from` shares memory, or sees that of others. */
struct mm *mm_fork(struct monitor *m, struct mm *from, pid_t pid);
/* Whether anybody has mapped a file (or a segment): at all, only in mappings that are shared, only in those that may be written
 * to as well. */
enum mapped_how { MAPPED_ANYHOW, MAPPED_SHARED, MAPPED_TO_WRITE };
bool file_is_mapped(const struct monitor *m, uint64_t dev, uint64_t ino, enum mapped_how how);
struct mm *mm_get(struct mm *mm);
void mm_put(struct mm *mm);
/* Put a task on (or, NULL, off) the list of those that use an address space. */
void task_use_mm(struct task *t, struct mm *mm);
/* Its scratch memory is free for others. */
void task_free_slot(struct task *t);
/* Two address spaces turn out to share memory: all of `from` are in `into` now. Whoever has the turn of `into` keeps it;
 * nobody may have that of `from`. */
void domain_merge(struct domain *into, struct domain *from);

/* ---- mappings ---- */
void mm_map(struct mm *mm, const struct mapping *m);                      /* copies, path too */
void mm_unmap(struct mm *mm, uint64_t start, uint64_t end);
void mm_move(struct mm *mm, uint64_t from, uint64_t to, uint64_t len);
/* An mremap has made `len` bytes at `at` of `old_len`, which the books still have at old_at. What was cut off is forgotten. True: it
 * was of a file, and *ret is what came to it; path is that of the mapping before, and stays its. */
bool mm_grown(struct mm *mm, uint64_t old_at, uint64_t at, uint64_t old_len, uint64_t len, struct mapping *ret);

/* The System V segment that is attached at `addr`, or NULL. */
const struct mapping *mm_segment(const struct mm *mm, uint64_t addr);

/* ---- stop and go ---- */
/* After an exec: an address space of its own, and nothing mapped in it yet. */
void task_new_mm(struct monitor *m, struct task *t);
/* After an exec by a thread that is not the first. */
void task_retid(struct monitor *m, struct task *t, pid_t tid);

int task_regs(struct task *t);                                             /* fetch, unless valid */
int task_set_regs(struct task *t);
/* how: PTRACE_CONT or PTRACE_SYSCALL or PTRACE_LISTEN; sig is delivered */
int task_resume(struct task *t, int how, int sig);
/* t stands at the entry or the exit of a call; `insn` is the address of its syscall instruction. When t goes on it makes
 * the call again, with what its valid registers hold now. */
int task_make_again(struct task *t, uint64_t insn, uint32_t nr);
/* The register of a call's argument, from 0. */
unsigned long long *task_arg(struct task *t, int i);
/* Floating point and vector registers, as XSAVE lays them out: their size, at most XSTATE_MAX; 0 where that fails. */
#define XSTATE_MAX 16384
size_t task_xstate(struct task *t, void *ret);
/* One instruction further. False: t has stopped for something else on its way, which monitor_wait will tell of; in a follower,
 * what comes from outside is dropped. The kernel forces a SIGTRAP upon t for it: see may_step in spin.c. */
bool task_step(struct monitor *m, struct task *t);
int task_siginfo(struct task *t, siginfo_t *ret);
int task_set_siginfo(struct task *t, const siginfo_t *info);
int task_sigmask(struct task *t, uint64_t *ret);
int task_set_sigmask(struct task *t, uint64_t mask);
/* Keep a signal for t's next call; one of each, as the kernel does. */
void task_hold_signal(struct task *t, const siginfo_t *info);
/* The number by which t's program knows the leader's task `tid`: another one in a pid namespace of its own. */
pid_t task_tid_for(const struct task *t, pid_t tid);
/* Wait for the next stop of this task alone; only where it is certain to come soon. */
int task_wait(struct monitor *m, struct task *t, int *ret_status);

/* ---- memory ---- */
/* All of the bytes, or -EFAULT. Reads what the task itself could not, too (no permission needed). */
int guest_read(struct task *t, uint64_t addr, void *buf, size_t len);
int guest_write(struct task *t, uint64_t addr, const void *buf, size_t len);
/* t stands at a call, and its registers are valid: put bytes where its program has nothing, below its stack, for the kernel to read
 * in this call. -EFAULT where there is no memory. task_lent_back, once the call is over, puts back what was there. */
int task_lend(struct task *t, const void *data, size_t len, uint64_t *ret_at);
void task_lent_back(struct task *t);
/* As far as it goes: the number of bytes that could be read. */
size_t guest_read_some(struct task *t, uint64_t addr, void *buf, size_t len);

/* An entry of the auxiliary vector that the kernel gave the program; 0: none. */
uint64_t task_auxv(struct task *t, uint64_t key);

/* ---- time ---- */
/* CPU time of the task, ns, at the time `now` (now_wall). Intervals under 1 ms are taken from that clock, since
 * a look costs 2 µs; now == 0: exactly. */
uint64_t task_cpu(struct task *t, uint64_t now);

/* ---- running a call in a task ---- */
/* Requires a stop in which registers may be set (not a seccomp stop: use task_morph_call there).
 * Runs `nr` at the syscall instruction `gadget`, then restores nothing: the caller does, from the
 * registers it saved. *ret is the result. */
int remote_call(struct monitor *m, struct task *t, uint64_t gadget, int64_t *ret, long nr, uint64_t a0,
                uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5);
/* At a seccomp stop: run another call in the place of the one that was about to run. After it the
 * task stands at the exit stop, its registers are t->regs as fetched there. */
int remote_instead(struct monitor *m, struct task *t, int64_t *ret, long nr, uint64_t a0, uint64_t a1,
                   uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5);

/* ---- signals ---- */
struct sig_state { uint64_t pending, blocked, ignored, caught; };
/* From /proc: costs 20 µs. pending: the task's and its process's. */
int task_sig_state(struct task *t, struct sig_state *ret);
static inline uint64_t sig_bit(int sig) { return 1ull << (sig - 1); }
bool sig_default_ignores(int sig);
bool sig_default_stops(int sig);
/* Whether the instruction at which a task stands raised it: it comes at the same place in every version. */
bool signal_is_fault(const siginfo_t *i);
/* Whether what PTRACE_GETSIGINFO told is the stop at a task's end, whatever it was stopped for when waitpid said so:
 * SIGKILL, or another thread's exit, takes a task out of every stop but that one. */
bool siginfo_is_end(const siginfo_t *i);
/* The same of t now; true as well while it is on the way there. Its next status tells, unless t is resumed before. */
bool task_at_its_end(struct task *t);
/* Whether t, the first thread of its process, is dead, and waitpid does not say so before the others are gone as well: these
 * may stand at their ends and wait for us. Its own stop there was lost, resumed unseen. To be asked on the tick. */
bool task_ended_unseen(const struct task *t);
/* Send a signal and go to its stop; only where the task meets it at once (stopped in or at a call). */
int task_signal_stop(struct monitor *m, struct task *t, int sig);
/* t stands at a call, its registers are valid. It goes on with those of `during`, which get it to the signal's stop,
 * and stands there with its own, as if the call had returned `result`; the signal is `info`. */
int task_interrupt_call(struct monitor *m, struct task *t, const siginfo_t *info, int64_t result,
                        const struct user_regs_struct *during);
/* Send `info` to the task so that it is delivered next; the task is stopped at a call.
 * result: what the call returns (-ERESTART.. codes act as in the kernel). */
int task_deliver_at_call(struct monitor *m, struct task *t, const siginfo_t *info, int64_t result);

#endif
