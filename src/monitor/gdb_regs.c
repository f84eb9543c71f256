/* gdb_regs.c - see gdb_regs.h.
 *
 * The names of features and registers are gdb's: https://sourceware.org/gdb/current/onlinedocs/gdb.html/i386-Features.html
 */
#define _GNU_SOURCE
#include "monitor/gdb_regs.h"

#include <signal.h>
#include <string.h>

/* Where a register's bytes come from. */
enum source { GENERAL, X87, XSAVE };

struct reg {
	const char *name, *type;
	uint16_t bits;
	uint8_t source;
	uint16_t at;                   /* offset: in user_regs_struct, or in the XSAVE area; X87: see x87_word */
};

#define G(name, field, bits, type) {name, type, bits, GENERAL, offsetof(struct user_regs_struct, field)}
#define ST(n)   {"st" #n, "i387_ext", 80, XSAVE, 32 + 16 * n}
#define XMM(n)  {"xmm" #n, "vec128", 128, XSAVE, 160 + 16 * n}
#define YMMH(n) {"ymm" #n "h", "uint128", 128, XSAVE, 576 + 16 * n}
#define XSAVE_LEGACY  512
#define XSAVE_FEATURES 512     /* which parts are there: bit 2 is the upper halves of ymm */

static const struct reg core[] = {
	G("rax", rax, 64, "int64"), G("rbx", rbx, 64, "int64"), G("rcx", rcx, 64, "int64"), G("rdx", rdx, 64, "int64"),
	G("rsi", rsi, 64, "int64"), G("rdi", rdi, 64, "int64"), G("rbp", rbp, 64, "data_ptr"), G("rsp", rsp, 64, "data_ptr"),
	G("r8", r8, 64, "int64"), G("r9", r9, 64, "int64"), G("r10", r10, 64, "int64"), G("r11", r11, 64, "int64"),
	G("r12", r12, 64, "int64"), G("r13", r13, 64, "int64"), G("r14", r14, 64, "int64"), G("r15", r15, 64, "int64"),
	G("rip", rip, 64, "code_ptr"), G("eflags", eflags, 32, "i386_eflags"), G("cs", cs, 32, "int32"), G("ss", ss, 32, "int32"),
	G("ds", ds, 32, "int32"), G("es", es, 32, "int32"), G("fs", fs, 32, "int32"), G("gs", gs, 32, "int32"),
	ST(0), ST(1), ST(2), ST(3), ST(4), ST(5), ST(6), ST(7),
	{"fctrl", "int", 32, X87, 0}, {"fstat", "int", 32, X87, 2}, {"ftag", "int", 32, X87, 4}, {"fiseg", "int", 32, X87, 12},
	{"fioff", "int", 32, X87, 8}, {"foseg", "int", 32, X87, 20}, {"fooff", "int", 32, X87, 16}, {"fop", "int", 32, X87, 6},
};
static const struct reg sse[] = {
	XMM(0), XMM(1), XMM(2), XMM(3), XMM(4), XMM(5), XMM(6), XMM(7), XMM(8), XMM(9), XMM(10), XMM(11), XMM(12), XMM(13),
	XMM(14), XMM(15), {"mxcsr", "int", 32, XSAVE, 24},
};
static const struct reg linux_regs[] = {G("orig_rax", orig_rax, 64, "int")};
static const struct reg segments[] = {G("fs_base", fs_base, 64, "int"), G("gs_base", gs_base, 64, "int")};
static const struct reg avx[] = {
	YMMH(0), YMMH(1), YMMH(2), YMMH(3), YMMH(4), YMMH(5), YMMH(6), YMMH(7), YMMH(8), YMMH(9), YMMH(10), YMMH(11), YMMH(12),
	YMMH(13), YMMH(14), YMMH(15),
};

static const struct feature { const char *name; const struct reg *reg; int n; const char *types; } features[] = {
	{"core", core, countof(core), "<flags id=\"i386_eflags\" size=\"4\"><field name=\"CF\" start=\"0\" end=\"0\"/>"
	 "<field name=\"\" start=\"1\" end=\"1\"/><field name=\"PF\" start=\"2\" end=\"2\"/><field name=\"AF\" start=\"4\" end=\"4\"/>"
	 "<field name=\"ZF\" start=\"6\" end=\"6\"/><field name=\"SF\" start=\"7\" end=\"7\"/><field name=\"TF\" start=\"8\" end=\"8\"/>"
	 "<field name=\"IF\" start=\"9\" end=\"9\"/><field name=\"DF\" start=\"10\" end=\"10\"/><field name=\"OF\" start=\"11\" "
	 "end=\"11\"/></flags>"},
	{"sse", sse, countof(sse), "<vector id=\"v4f\" type=\"ieee_single\" count=\"4\"/><vector id=\"v2d\" type=\"ieee_double\" "
	 "count=\"2\"/><vector id=\"v16i8\" type=\"int8\" count=\"16\"/><vector id=\"v8i16\" type=\"int16\" count=\"8\"/>"
	 "<vector id=\"v4i32\" type=\"int32\" count=\"4\"/><vector id=\"v2i64\" type=\"int64\" count=\"2\"/><union id=\"vec128\">"
	 "<field name=\"v4_float\" type=\"v4f\"/><field name=\"v2_double\" type=\"v2d\"/><field name=\"v16_int8\" type=\"v16i8\"/>"
	 "<field name=\"v8_int16\" type=\"v8i16\"/><field name=\"v4_int32\" type=\"v4i32\"/><field name=\"v2_int64\" type=\"v2i64\"/>"
	 "<field name=\"uint128\" type=\"uint128\"/></union>"},
	{"linux", linux_regs, countof(linux_regs), ""},
	{"segments", segments, countof(segments), ""},
	{"avx", avx, countof(avx), ""},
};

void gdb_target_xml(struct buf *out)
{
	buf_puts(out, "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target version=\"1.0\">"
	              "<architecture>i386:x86-64</architecture><osabi>GNU/Linux</osabi>");
	for (size_t f = 0; f < countof(features); f++) {
		buf_printf(out, "<feature name=\"org.gnu.gdb.i386.%s\">%s", features[f].name, features[f].types);
		for (int i = 0; i < features[f].n; i++)
			buf_printf(out, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\"/>", features[f].reg[i].name, features[f].reg[i].bits,
			           features[f].reg[i].type);
		buf_puts(out, "</feature>");
	}
	buf_puts(out, "</target>");
}

struct registers { struct user_regs_struct general; char area[XSTATE_MAX]; size_t len; };

static void read_registers(struct task *t, struct registers *r)
{
	memset(r, 0, sizeof(*r));
	if (task_regs(t) == 0)
		r->general = t->regs;
	/* It stands at a call whose result is known. */
	if (t->at == AT_CALL && t->has_result)
		r->general.rax = t->result;
	r->len = task_xstate(t, r->area);
}

/* FXSAVE has a bit for each register that is in use; gdb wants the two of FSAVE. */
static uint32_t x87_word(const struct registers *r, int at)
{
	uint32_t tags = 0;
	uint16_t word;

	memcpy(&word, r->area + at, sizeof(word));
	if (at == 4) {
		for (int i = 0; i < 8; i++)
			tags |= (word >> i & 1 ? 0u : 3u) << 2 * i;
		return tags;
	}
	return at == 6 ? word & 0x7ff : word;
}

static void put_register(struct buf *out, const struct registers *r, const struct reg *reg)
{
	uint64_t features_there = 0;
	uint32_t word;

	memcpy(&features_there, r->area + XSAVE_FEATURES, sizeof(features_there));
	if (reg->source == X87) {
		word = x87_word(r, reg->at);
		hex_put(out, &word, sizeof(word));
	} else if (reg->source == GENERAL) {
		hex_put(out, (const char *)&r->general + reg->at, reg->bits / 8);
	} else if (reg->at < XSAVE_LEGACY || features_there >> 2 & 1) {
		hex_put(out, r->area + reg->at, reg->bits / 8);
	} else {
		hex_put(out, (const char[16]){0}, reg->bits / 8);
	}
}

void gdb_send_registers(struct gdb_link *l, struct task *t)
{
	struct registers r;
	struct buf hex = {0};

	read_registers(t, &r);
	for (size_t f = 0; f < countof(features); f++)
		for (int i = 0; i < features[f].n; i++)
			put_register(&hex, &r, &features[f].reg[i]);
	gdb_send(l, hex.at);
	buf_free(&hex);
}

void gdb_send_register(struct gdb_link *l, struct task *t, uint64_t number)
{
	struct registers r;
	struct buf hex = {0};

	read_registers(t, &r);
	for (size_t f = 0; f < countof(features) && !hex.len; f++) {
		if (number < (uint64_t)features[f].n)
			put_register(&hex, &r, &features[f].reg[number]);
		else
			number -= features[f].n;
	}
	gdb_send(l, hex.len ? hex.at : "E00");
	buf_free(&hex);
}

int gdb_signal_number(int sig)
{
	/* Up to 15 they are those of old; then each has its own. */
	static const uint8_t number[32] = {
		[SIGBUS] = 10, [SIGUSR1] = 30, [SIGUSR2] = 31, [SIGCHLD] = 20, [SIGCONT] = 19, [SIGSTOP] = 17, [SIGTSTP] = 18,
		[SIGTTIN] = 21, [SIGTTOU] = 22, [SIGURG] = 16, [SIGXCPU] = 24, [SIGXFSZ] = 25, [SIGVTALRM] = 26, [SIGPROF] = 27,
		[SIGWINCH] = 28, [SIGIO] = 23, [SIGPWR] = 32, [SIGSYS] = 12};

	if (sig > 0 && sig < 32)
		return number[sig] ? number[sig] : sig;
	/* Real-time signals: 34 to 63 are 46 to 75, and 32, 33, 64 have places of their own. */
	return sig == 32 ? 77 : sig == 33 ? 45 : sig == 64 ? 78 : sig + 12;
}
