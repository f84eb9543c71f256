/* witness.c - see witness.h. */
#define _GNU_SOURCE
#include "monitor/witness.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "base/base.h"
#include "base/proc.h"
#include "monitor/task.h"

/* The kernel sends to the members of a group one after the other, and does not return before all have it: the watcher's is
 * there, or pending, microseconds after tandem's. Its handler may have to wait for a core. */
#define LOOKS   5
#define LOOK_NS 1000000

/* Written by the watcher's handler, but for `told`. */
struct witness {
	struct { uint32_t count, told; pid_t sender; } of[NSIG];
};

static struct witness *here;

static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)context;
	__atomic_store_n(&here->of[sig].sender, info->si_pid, __ATOMIC_RELAXED);
	__atomic_add_fetch(&here->of[sig].count, 1, __ATOMIC_RELEASE);
}

struct witness *witness_new(void)
{
	void *at = mmap(NULL, sizeof(struct witness), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

void witness_free(struct witness *w)
{
	if (w)
		munmap(w, sizeof(*w));
}

void witness_watch(struct witness *w, int sig)
{
	struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART};

	if (!w)
		return;
	here = w;
	sigaction(sig, &sa, NULL);
}

static bool is_pending(pid_t pid, int sig)
{
	char text[PROC_STATUS_MAX];
	const char *at;

	proc_text(pid, "status", text, sizeof(text));
	return (at = proc_line(text, "ShdPnd")) && strtoull(at, NULL, 16) & sig_bit(sig);
}

bool witness_saw(struct witness *w, pid_t watcher, int sig, pid_t sender)
{
	uint32_t count = 0;

	if (!w)
		return false;
	for (int i = 0; i < LOOKS; i++) {
		count = __atomic_load_n(&w->of[sig].count, __ATOMIC_ACQUIRE);
		if (count != w->of[sig].told) {
			w->of[sig].told = count;
			if (__atomic_load_n(&w->of[sig].sender, __ATOMIC_RELAXED) == sender)
				return true;
		}
		if (i + 1 < LOOKS)
			nap_ns(LOOK_NS);
	}
	if (!is_pending(watcher, sig))
		return false;
	/* It is stopped, or starves, and counts this one later. */
	w->of[sig].told = count + 1;
	return true;
}
