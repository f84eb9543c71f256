/* calls.c - calls whose answer, or whose traces in the monitor's books, are tandem's own business. */
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/proc.h"
#include "monitor/copier.h"
#include "monitor/outside.h"
#include "monitor/publish.h"
#include "monitor/shields/shields.h"
#include "monitor/store.h"

#ifndef ARCH_GET_CPUID
#define ARCH_GET_CPUID 0x1011
#define ARCH_SET_CPUID 0x1012
#endif

/* ---- answers ---- */

/* The version is pinned to a core; what the program asks for is noted, and shown to it. */
static bool set_affinity(struct monitor *m, struct task *t, int64_t *ret)
{
	struct task *who = t->args[0] ? task_by_tid(m, t->args[0]) : t;
	cpu_set_t want, both;

	if (!who || !m->cfg->cpu_known)
		return false;
	CPU_ZERO(&want);
	if (guest_read(t, t->args[2], &want, min_of(t->args[1], sizeof(want)))) {
		*ret = -EFAULT;
		return true;
	}
	CPU_AND(&both, &want, &m->cfg->cpus);
	*ret = -EINVAL;
	if (!CPU_COUNT(&both))
		return true;
	who->cpus = both;
	who->cpus_set = true;
	*ret = 0;
	return true;
}

static bool answers_prctl(struct monitor *m, struct task *t, int64_t *ret)
{
	int mode = t->no_tsc ? PR_TSC_SIGSEGV : PR_TSC_ENABLE;

	switch ((uint32_t)t->args[0]) {
	case PR_GET_TSC:
		if (m->cfg->exposed & SRC_TSC)
			return false;
		*ret = guest_write(t, t->args[1], &mode, sizeof(mode));
		return true;
	case PR_SET_TSC:
		if (m->cfg->exposed & SRC_TSC)
			return false;
		*ret = t->args[1] == PR_TSC_ENABLE || t->args[1] == PR_TSC_SIGSEGV ? 0 : -EINVAL;
		shield_note_call(t, *ret);
		return true;
	case PR_SET_DUMPABLE:
		/* An undumpable process could not be read by a monitor without privileges. */
		*ret = t->args[1] <= 1 ? 0 : -EINVAL;
		if (!*ret)
			t->p->mm->undumpable = !t->args[1];
		return true;
	case PR_GET_DUMPABLE:
		*ret = !t->p->mm->undumpable;
		return true;
	}
	return false;
}

static bool answers_arch(struct monitor *m, struct task *t, int64_t *ret)
{
	switch ((uint32_t)t->args[0]) {
	case ARCH_GET_CPUID:
		*ret = 1;
		return !(m->cfg->exposed & SRC_CPUID);
	case ARCH_SET_CPUID:
		*ret = -ENODEV;
		return !(m->cfg->exposed & SRC_CPUID);
	}
	return false;
}

/* The vsyscall page has no exit stop, and its calls need none: they only read clocks. */
static void answers_vsyscall(struct task *t, int64_t *ret)
{
	struct timespec now;
	uint64_t out[2] = {0, 0}, zone = 0;
	unsigned cpu = 0, node = 0;

	syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
	out[0] = now.tv_sec;
	out[1] = now.tv_nsec / 1000;
	*ret = 0;
	if (t->nr == SYS_gettimeofday) {
		if ((t->args[0] && guest_write(t, t->args[0], out, 16)) || (t->args[1] && guest_write(t, t->args[1], &zone, 8)))
			*ret = -EFAULT;
	} else if (t->nr == SYS_time) {
		*ret = t->args[0] && guest_write(t, t->args[0], out, 8) ? -EFAULT : now.tv_sec;
	} else if (t->nr == SYS_getcpu) {
		syscall(SYS_getcpu, &cpu, &node, NULL);
		if ((t->args[0] && guest_write(t, t->args[0], &cpu, 4)) || (t->args[1] && guest_write(t, t->args[1], &node, 4)))
			*ret = -EFAULT;
	}
}

/* ---- clocks ---- */

/* Clocks that are the same for every process, as long as none has left for another time namespace. */
static bool common_clock(uint64_t id)
{
	return id == CLOCK_REALTIME || id == CLOCK_MONOTONIC || id == CLOCK_MONOTONIC_RAW || id == CLOCK_BOOTTIME ||
	       id == CLOCK_REALTIME_COARSE || id == CLOCK_MONOTONIC_COARSE || id == CLOCK_TAI;
}

/* Programs that ask the vDSO do so as if it cost nothing, thousands of times a second. The monitor gives them
 * the time itself: one stop instead of two. Where the memory can't be written, the call runs and says so. */
bool shield_tells_time(struct monitor *m, struct task *t, int64_t *ret)
{
	struct timespec now;
	int64_t out[2];

	if (!(t->call_flags & EVF_VDSO) || m->cfg->exposed & SRC_VDSO || t->p->other_spaces)
		return false;
	if (t->nr == SYS_clock_gettime ? !common_clock(t->args[0]) : t->nr != SYS_gettimeofday && t->nr != SYS_time)
		return false;
	if (t->nr == SYS_gettimeofday && t->args[1])
		return false;
	syscall(SYS_clock_gettime, t->nr == SYS_clock_gettime ? t->args[0] :
	                           t->nr == SYS_time ? CLOCK_REALTIME_COARSE : CLOCK_REALTIME, &now);
	out[0] = now.tv_sec;
	out[1] = t->nr == SYS_clock_gettime ? now.tv_nsec : now.tv_nsec / 1000;
	*ret = t->nr == SYS_time ? now.tv_sec : 0;
	if (t->nr == SYS_time)
		return !t->args[0] || !guest_write(t, t->args[0], out, 8);
	return !guest_write(t, t->args[t->nr == SYS_clock_gettime], out, sizeof(out));
}

bool shield_vdso_alone(const struct task *t)
{
	if (!(t->call_flags & EVF_VDSO))
		return false;
	return (t->nr != SYS_clock_gettime && t->nr != SYS_clock_getres) || common_clock(t->args[0]);
}

bool shield_answers(struct monitor *m, struct task *t, int64_t *ret)
{
	if (t->call_flags & EVF_INT80)
		return false;
	if (t->call_ip >> 12 == 0xffffffffff600) {
		answers_vsyscall(t, ret);
		t->call_flags |= EVF_VDSO;
		return true;
	}
	if ((t->row->who & WHO_MASK) == REFUSE) {
		if (t->nr == SYS_rseq && m->cfg->exposed & SRC_RSEQ)
			return false;
		t->call_flags |= EVF_REFUSED;
		*ret = t->row->who & PERMS ? -EPERM : -ENOSYS;
		return true;
	}
	switch (t->nr) {
	case SYS_sched_setaffinity: return set_affinity(m, t, ret);
	case SYS_prctl:             return answers_prctl(m, t, ret);
	case SYS_arch_prctl:        return answers_arch(m, t, ret);
	}
	return false;
}

/* ---- results ---- */

static void show_affinity(struct monitor *m, struct task *t, int64_t len)
{
	struct task *who = t->args[0] ? task_by_tid(m, t->args[0]) : t;

	if (len <= 0 || !m->cfg->cpu_known)
		return;
	if (who && who->cpus_set)
		guest_write(t, t->args[2], &who->cpus, min_of((size_t)len, sizeof(who->cpus)));
	else if (who)
		guest_write(t, t->args[2], &m->cfg->cpus, min_of((size_t)len, sizeof(m->cfg->cpus)));
}

static void note_sigaction(struct task *t)
{
	struct disposition *d = process_disposition(t->p, (int)t->args[0]);
	uint64_t action[4];

	if (!d || !t->args[1] || guest_read(t, t->args[1], action, sizeof(action)))
		return;
	memcpy(d->action, action, sizeof(action));
	d->ignored = action[0] == (uint64_t)SIG_IGN;
	d->handled = action[0] > (uint64_t)SIG_IGN;
}

void shield_note_call(struct task *t, int64_t result)
{
	if (result < 0 && result > -4096)
		return;
	switch (t->nr) {
	case SYS_unshare:
	case SYS_setns:           t->p->other_spaces = true; break;
	case SYS_set_tid_address: t->ctid = t->args[0]; break;
	case SYS_set_robust_list: t->robust = t->args[0]; break;
	case SYS_rt_sigprocmask:
	case SYS_rt_sigreturn:    task_sigmask(t, &t->sigmask); break;
	case SYS_rt_sigaction:    note_sigaction(t); break;
	case SYS_prctl:
		if ((uint32_t)t->args[0] == PR_SET_TSC)
			t->no_tsc = t->args[1] == PR_TSC_SIGSEGV;
		break;
	case SYS_munmap:          mm_unmap(t->p->mm, t->args[0], t->args[0] + t->args[1]); break;
	case SYS_mremap:
		if ((uint64_t)result != t->args[0])
			mm_move(t->p->mm, t->args[0], result, t->args[1]);
		break;
	}
}

int64_t shield_result(struct monitor *m, struct task *t, int64_t result)
{
	if (t->call_flags & EVF_INT80)
		return result;
	if (t->nr == SYS_sched_getaffinity)
		show_affinity(m, t, result);
	shield_note_call(t, result);
	return result;
}

/* What MADV_FREE leaves in a page depends on when the kernel needs memory; MADV_DONTNEED is the same for all. */
void shield_madvise(struct task *t)
{
	if (t->nr != SYS_madvise || t->args[2] != MADV_FREE || t->call_flags & EVF_INT80 || task_regs(t))
		return;
	t->regs.rdx = MADV_DONTNEED;
	t->patched_args |= 4;
	task_set_regs(t);
}

void shield_args_back(struct task *t)
{
	if (!t->patched_args)
		return;
	task_lent_back(t);
	for (int i = 0; i < 6; i++)
		if (t->patched_args & 1u << i)
			*task_arg(t, i) = t->args[i];
	t->patched_args = 0;
	task_set_regs(t);
}

/* Who else writes to it is looked for by the coordinator. Files that nobody is known to write are left out: a program maps
 * tables of character sets as shared, too. */
static void tell_shared(struct monitor *m, const struct mapping *map)
{
	static uint64_t last_dev, last_ino;
	char *text;

	if (!map->shared || (map->dev == last_dev && map->ino == last_ino))
		return;
	if (!(map->prot & PROT_WRITE) && map->dev != SEGMENT_DEV && strncmp(map->path, "/dev/shm/", 9))
		return;
	last_dev = map->dev;
	last_ino = map->ino;
	text = outside_note(map->dev, map->ino, map->path);
	monitor_note(m, NOTE_SHARED, 0, text);
	free(text);
}

static void part_mapping(struct monitor *m, struct task *t, uint64_t at)
{
	struct mapping map = {.start = at, .end = page_up(at + t->args[1]), .offset = t->args[5],
	                      .leader = at, .prot = t->args[2], .shared = (t->args[3] & MAP_TYPE) != MAP_PRIVATE};
	enum store_how how = STORE_NOW;
	struct file_id id;
	char link[64], path[4096];
	ssize_t n;
	int err;

	mm_unmap(t->p->mm, map.start, map.end);
	if (t->args[3] & MAP_ANONYMOUS)
		return;
	snprintf(link, sizeof(link), "/proc/%d/fd/%d", t->tid, (int)t->args[4]);
	n = readlink(link, path, sizeof(path) - 1);
	path[max_of(n, (ssize_t)0)] = 0;
	if (copier_may(map.prot))
		how = STORE_LATER;
	else if (map.shared && map.prot & PROT_WRITE)
		how = STORE_MAPPED;
	err = store_keep(m, t, link, map.start, map.end - map.start, map.offset, how, &id);
	if (err) {
		monitor_notef(m, NOTE_WARNING, err, "no copy of %s can be kept for the followers: %s", path, strerror(-err));
		publish_event(m)->flags |= EVF_UNKNOWN;
	}
	store_publish(m, &id, path, 5);
	map.path = path;
	map.dev = id.dev;
	map.ino = id.ino;
	map.state = file_state(&id);
	mm_map(t->p->mm, &map);
	tell_shared(m, &map);
	shield_patch_mapping(m, t, &map);
}

/* A segment of System V has no name in the file system: it is its number. */
static void part_segment(struct monitor *m, struct task *t, uint64_t at)
{
	struct mapping map = {.start = at, .end = at, .leader = at, .dev = SEGMENT_DEV, .ino = (uint32_t)t->args[0],
	                      .path = "SysV segment", .shared = true,
	                      .prot = t->args[2] & SHM_RDONLY ? PROT_READ : PROT_READ | PROT_WRITE};
	struct file_id id;
	int err;

	map.end += proc_mapping_size(t->tid, at);
	mm_unmap(t->p->mm, map.start, map.end);
	mm_map(t->p->mm, &map);
	tell_shared(m, &map);
	err = store_keep_memory(m, t, &map, &id);
	if (err) {
		monitor_notef(m, NOTE_WARNING, err, "no copy of segment %u can be kept for the followers: %s",
		              (unsigned)t->args[0], strerror(-err));
		publish_event(m)->flags |= EVF_UNKNOWN;
	}
	store_publish(m, &id, map.path, 1);
}

/* mremap: more of a file than was mapped before. */
static void part_growth(struct monitor *m, struct task *t, uint64_t at)
{
	struct mapping more;
	struct file_id id;
	int err;

	if (!mm_grown(t->p->mm, at, at, t->args[1], t->args[2], &more))
		return;
	mm_map(t->p->mm, &more);
	err = store_keep_memory(m, t, &more, &id);
	if (err) {
		monitor_notef(m, NOTE_WARNING, err, "no copy of more of %s can be kept for the followers: %s", more.path,
		              strerror(-err));
		publish_event(m)->flags |= EVF_UNKNOWN;
	}
	store_publish(m, &id, more.path, 1);
}

static void forget_segment(struct task *t)
{
	const struct mapping *map = mm_segment(t->p->mm, t->args[0]);

	if (map)
		mm_unmap(t->p->mm, map->start, map->end);
}

/* The other side of process_vm_writev is no output of the table's: it may be another process's memory. */
static void parts_vm_write(struct monitor *m, struct task *t, int64_t left)
{
	struct task *to = task_by_tid(m, t->args[0]);
	struct iovec v;

	if (!to || !to->in_mm || left <= 0)
		return;
	publish_event(m)->other = to->id;
	for (uint64_t i = 0; i < min_of(t->args[4], (uint64_t)1024) && left > 0; i++) {
		if (guest_read(t, t->args[3] + i * sizeof(v), &v, sizeof(v)))
			return;
		publish_other(m, to, (uint64_t)v.iov_base, min_of(v.iov_len, (size_t)left));
		left -= v.iov_len;
	}
}

/* CLONE_CHILD_SETTID where the child shares our memory: its word is an output of the call that made it. */
static void part_child_word(struct monitor *m, struct task *t)
{
	struct task *c = task_by_id(m, t->child);

	if (c && c->settid && c->p->mm == t->p->mm)
		publish_guest(m, t, PART_OUT, 0, c->settid, 4);
}

void shield_parts(struct monitor *m, struct task *t, int64_t result)
{
	if (t->call_flags & EVF_INT80)
		return;
	if (t->child)
		part_child_word(m, t);
	if (call_truncates(t))
		store_truncated(m, t, result);
	if (t->nr == SYS_process_vm_writev)
		parts_vm_write(m, t, result);
	if (t->row->who & (WRITES | WRITES3))
		store_changed(m, t, result);
	if (t->row->who & (NEWFD | ENDFD) || t->nr == SYS_pipe || t->nr == SYS_pipe2 || t->nr == SYS_socketpair ||
	    t->nr == SYS_recvmsg || t->nr == SYS_recvmmsg || t->nr == SYS_close_range)
		store_forget_fds(t, result);
	if (t->nr == SYS_mmap && (result > 0 || result < -4095))
		part_mapping(m, t, result);
	if (t->nr == SYS_mremap && (result > 0 || result < -4095))
		part_growth(m, t, result);
	if (t->nr == SYS_shmat && (result > 0 || result < -4095))
		part_segment(m, t, result);
	if (t->nr == SYS_shmdt && !result)
		forget_segment(t);
}

/* ---- int 0x80 ---- */

const struct row *row_int80(uint32_t nr)
{
	static const struct { uint16_t i386, x86_64; } twin[] = {
		{1, SYS_exit}, {6, SYS_close}, {20, SYS_getpid}, {24, SYS_getuid}, {27, SYS_alarm}, {29, SYS_pause},
		{36, SYS_sync}, {37, SYS_kill}, {41, SYS_dup}, {47, SYS_getgid}, {49, SYS_geteuid}, {50, SYS_getegid},
		{57, SYS_setpgid}, {60, SYS_umask}, {63, SYS_dup2}, {64, SYS_getppid}, {65, SYS_getpgrp},
		{66, SYS_setsid}, {132, SYS_getpgid}, {147, SYS_getsid}, {158, SYS_sched_yield},
		{199, SYS_getuid}, {200, SYS_getgid}, {201, SYS_geteuid}, {202, SYS_getegid}, {224, SYS_gettid},
		{238, SYS_tkill}, {252, SYS_exit_group}, {270, SYS_tgkill},
	};
	static const struct row unknown = {.who = UNKNOWN, .returns = R_INT};

	for (size_t i = 0; i < countof(twin); i++)
		if (twin[i].i386 == nr)
			return row_plain(twin[i].x86_64);
	return &unknown;
}

/* ---- births and deaths ---- */

int clone_parse(struct task *t, struct clone_call *ret)
{
	struct clone_args a;

	memset(ret, 0, sizeof(*ret));
	switch (t->nr) {
	case SYS_fork:
		return 0;
	case SYS_vfork:
		ret->flags = CLONE_VM | CLONE_VFORK;
		return 0;
	case SYS_clone:
		/* The kernel looks at 32 bits, whatever an int was extended to. */
		*ret = (struct clone_call){(uint32_t)t->args[0] & ~0xffu, t->args[1], t->args[4], t->args[3], t->args[2]};
		return 0;
	case SYS_clone3:
		memset(&a, 0, sizeof(a));
		if (guest_read(t, t->args[0], &a, min_of((size_t)t->args[1], sizeof(a))))
			return -EFAULT;
		*ret = (struct clone_call){a.flags, a.stack ? a.stack + a.stack_size : 0, a.tls, a.child_tid, a.parent_tid};
		return 0;
	}
	return -EINVAL;
}

void shield_clone_leader(struct monitor *m, struct task *t)
{
	struct clone_args a;

	(void)m;
	t->untraced = 0;
	if (t->nr == SYS_clone && t->args[0] & CLONE_UNTRACED && !task_regs(t)) {
		t->regs.rdi &= ~(uint64_t)CLONE_UNTRACED;
		t->patched_args |= 1;
		t->untraced = 1;
		task_set_regs(t);
	}
	if (t->nr == SYS_clone3 && !guest_read(t, t->args[0], &a, sizeof(a.flags)) && a.flags & CLONE_UNTRACED) {
		a.flags &= ~(uint64_t)CLONE_UNTRACED;
		if (!guest_write(t, t->args[0], &a.flags, sizeof(a.flags)))
			t->untraced = t->args[0];
	}
}

/* The kernel has read the flags: parent and child have them as the program gave them. */
void shield_untraced_back(struct task *t)
{
	uint64_t at = t->untraced, flags;

	t->untraced = 0;
	if (at == 1 && !task_regs(t)) {
		t->regs.rdi |= CLONE_UNTRACED;
		task_set_regs(t);
	} else if (at > 1 && !guest_read(t, at, &flags, sizeof(flags))) {
		flags |= CLONE_UNTRACED;
		guest_write(t, at, &flags, sizeof(flags));
	}
}

/* What the kernel will make of the lock word at `at`; false: nothing. */
static bool dead_owner(struct task *t, uint64_t at, uint32_t *ret)
{
	uint32_t word;

	if (guest_read(t, at, &word, sizeof(word)) || (word & FUTEX_TID_MASK) != (uint32_t)task_tid_for(t, t->leader_tid))
		return false;
	*ret = (word & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
	return true;
}

int shield_robust_words(struct task *t, void (*word)(void *ctx, uint64_t at, uint32_t value), void *ctx)
{
	struct robust_list_head h;
	uint64_t at, next;
	uint32_t value;
	int n = 0;

	if (!t->robust || guest_read(t, t->robust, &h, sizeof(h)))
		return 0;
	/* The kernel's own limit keeps a circle from being walked for ever. Bit 0 marks PI locks. */
	for (at = (uint64_t)h.list.next; (at & ~1ull) != t->robust && n < ROBUST_LIST_LIMIT; at = next, n++) {
		if (guest_read(t, at & ~1ull, &next, sizeof(next)))
			return n;
		if (at != (uint64_t)h.list_op_pending && dead_owner(t, (at & ~1ull) + h.futex_offset, &value))
			word(ctx, (at & ~1ull) + h.futex_offset, value);
	}
	at = (uint64_t)h.list_op_pending & ~1ull;
	if (at && dead_owner(t, at + h.futex_offset, &value))
		word(ctx, at + h.futex_offset, value);
	return n;
}

static void publish_word(void *ctx, uint64_t at, uint32_t value)
{
	publish_part(ctx, PART_OUT, 0, at, &value, sizeof(value));
}

void shield_death_words(struct monitor *m, struct task *t)
{
	if (t->ctid)
		publish_word(m, t->ctid, 0);
	shield_robust_words(t, publish_word, m);
}
