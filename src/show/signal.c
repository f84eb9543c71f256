/* signal.c - signal sets, siginfo, wait status. */
#include "show/names.h"
#include "show/sets.h"
#include "show/view.h"

extern const struct set set_sicode_chld, set_sicode_segv, set_sicode_bus, set_sicode_ill, set_sicode_fpe,
	set_sicode_trap, set_sicode_poll, set_sicode_sys;

enum {
	SIG_ILL = 4, SIG_TRAP = 5, SIG_BUS = 7, SIG_FPE = 8, SIG_SEGV = 11, SIG_CHLD = 17, SIG_POLL = 29,
	SIG_SYS = 31
};

void show_signal(struct buf *out, int64_t sig)
{
	char room[16];

	put_str(out, signal_name((int)sig, room));
}

void show_sigset(struct buf *out, uint64_t set)
{
	char room[16];
	bool some = false;

	/* The short form of a set of nearly all: ~[what is missing]. */
	if (__builtin_popcountll(set) >= 64 * 2 / 3) {
		put_char(out, '~');
		set = ~set;
	}
	put_char(out, '[');
	for (; set; set &= set - 1) {
		const char *name = signal_name(__builtin_ctzll(set) + 1, room);

		if (some)
			put_char(out, ' ');
		put_str(out, name + 3);
		some = true;
	}
	put_char(out, ']');
}

static int32_t word(const uint8_t *at, unsigned offset)
{
	int32_t w;

	memcpy(&w, at + offset, 4);
	return w;
}

static uint64_t quad(const uint8_t *at, unsigned offset)
{
	uint64_t q;

	memcpy(&q, at + offset, 8);
	return q;
}

static const struct set *codes_of(int signo)
{
	switch (signo) {
	case SIG_CHLD: return &set_sicode_chld;
	case SIG_SEGV: return &set_sicode_segv;
	case SIG_BUS:  return &set_sicode_bus;
	case SIG_ILL:  return &set_sicode_ill;
	case SIG_FPE:  return &set_sicode_fpe;
	case SIG_TRAP: return &set_sicode_trap;
	case SIG_POLL: return &set_sicode_poll;
	case SIG_SYS:  return &set_sicode_sys;
	default:       return NULL;
	}
}

static void show_code(struct buf *out, int signo, int code)
{
	const struct set *own = codes_of(signo);

	if (code > 0 && code < 0x80 && own)
		show_enum(out, own, code);
	else
		show_enum(out, set_by_id(SET_sicode), (uint32_t)code);
}

static void show_sender(struct buf *out, const uint8_t *at)
{
	put_lit(out, ", si_pid=");
	put_int(out, word(at, 16));
	put_lit(out, ", si_uid=");
	put_uint(out, (uint32_t)word(at, 20));
}

static void show_sigval(struct buf *out, const uint8_t *at)
{
	put_lit(out, ", si_int=");
	put_int(out, word(at, 24));
	put_lit(out, ", si_ptr=");
	put_address(out, quad(at, 24));
}

/* waitid fills less of it than a signal carries. */
static void show_child(struct buf *out, const uint8_t *at, uint64_t n, int code)
{
	show_sender(out, at);
	put_lit(out, ", si_status=");
	if (code == 1)
		put_int(out, word(at, 24));
	else
		show_signal(out, word(at, 24));
	if (n < 48)
		return;
	put_lit(out, ", si_utime=");
	put_int(out, quad(at, 32));
	put_lit(out, ", si_stime=");
	put_int(out, quad(at, 40));
}

static void show_timer(struct buf *out, const uint8_t *at)
{
	put_lit(out, ", si_timerid=");
	put_hex(out, (uint32_t)word(at, 16));
	put_lit(out, ", si_overrun=");
	put_int(out, word(at, 20));
	show_sigval(out, at);
}

static void show_poll_band(struct buf *out, const uint8_t *at)
{
	put_lit(out, ", si_band=");
	put_int(out, quad(at, 16));
	put_lit(out, ", si_fd=");
	put_int(out, word(at, 24));
}

static void show_trapped_call(struct buf *out, const uint8_t *at)
{
	const char *name = call_name(word(at, 24), 0);

	put_lit(out, ", si_call_addr=");
	put_address(out, quad(at, 16));
	put_lit(out, ", si_syscall=");
	if (name)
		put_str(out, name);
	else
		put_hex(out, (uint32_t)word(at, 24));
	put_lit(out, ", si_arch=");
	put_hex(out, (uint32_t)word(at, 28));
}

/* What the kernel itself found out: the fields depend on the signal. */
static void show_fault(struct buf *out, const uint8_t *at, uint64_t n, int signo, int code)
{
	switch (signo) {
	case SIG_CHLD:
		show_child(out, at, n, code);
		break;
	case SIG_ILL: case SIG_TRAP: case SIG_BUS: case SIG_FPE: case SIG_SEGV:
		put_lit(out, ", si_addr=");
		put_address(out, quad(at, 16));
		break;
	case SIG_POLL:
		show_poll_band(out, at);
		break;
	case SIG_SYS:
		show_trapped_call(out, at);
		break;
	default:
		if (code != 0x80)
			show_sender(out, at);
	}
}

void show_siginfo(struct view *v, const uint8_t *given, uint64_t n)
{
	uint8_t at[48] = {0};
	int signo, code;

	memcpy(at, given, min_of(n, sizeof(at)));
	signo = word(at, 0);
	code = word(at, 8);
	put_lit(v->out, "{si_signo=");
	show_signal(v->out, signo);
	if (word(at, 4)) {
		put_lit(v->out, ", si_errno=");
		put_int(v->out, word(at, 4));
	}
	put_lit(v->out, ", si_code=");
	show_code(v->out, signo, code);
	if (n < 28) {
		put_lit(v->out, ", ...");
	} else if (code > 0) {
		show_fault(v->out, at, n, signo, code);
	} else if (code == -2) {
		show_timer(v->out, at);
	} else {
		show_sender(v->out, at);
		if (code != 0 && code != -6)
			show_sigval(v->out, at);
	}
	put_char(v->out, '}');
}

void show_wait_status(struct buf *out, int status)
{
	int low = status & 0x7f, rest = status & ~0xffff;

	put_char(out, '{');
	if (status == 0xffff) {
		put_lit(out, "WIFCONTINUED(s)");
	} else if ((status & 0xff) == 0x7f) {
		put_lit(out, "WIFSTOPPED(s) && WSTOPSIG(s) == ");
		show_signal(out, status >> 8 & 0x7f);
		put_str(out, status & 0x8000 ? " | 0x80" : "");
	} else if (low) {
		put_lit(out, "WIFSIGNALED(s) && WTERMSIG(s) == ");
		show_signal(out, low);
		put_str(out, status & 0x80 ? " && WCOREDUMP(s)" : "");
	} else {
		put_lit(out, "WIFEXITED(s) && WEXITSTATUS(s) == ");
		put_uint(out, status >> 8 & 0xff);
	}
	put_char(out, '}');
	if (rest) {
		put_lit(out, " | ");
		put_hex(out, (uint32_t)rest);
	}
}
