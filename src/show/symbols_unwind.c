/* symbols_unwind.c - from a frame to its caller: by unwind tables where there are any, else by what
 * the stack shows. One step at a time, so that every step can be checked, and bounded.
 */
#include "show/symbols_unwind.h"

#include <stdlib.h>
#include <string.h>

#include "base/base.h"

/* Stacks are rarely deeper; a read further away than this is a wild one. */
#define STACK_REACH (1ull << 30)
/* Handlers that interrupt handlers; each may move to another stack, so stack addresses prove nothing. */
#define MAX_SIGNALS 32

#define VSYSCALL_PAGE 0xffffffffff600000ull
#define USER_END      0x0000800000000000ull

#define BIT(reg) (1u << (reg))

/* Text and constants are in the file; what can be written may have changed since. */
static bool read_constant(struct walk *w, uint64_t addr, void *buf, size_t len)
{
	struct place p = symbols_place(w->s, w->snap, addr);
	const struct module_map *m = p.map;
	uint64_t offset, vaddr;

	if (!p.image || m->end - addr < len)
		return false;
	offset = addr - m->start + m->offset;
	return image_vaddr(p.image, offset, PF_W, 0, &vaddr) && image_read(p.image, offset, buf, len);
}

static bool walk_read(struct walk *w, uint64_t addr, void *buf, size_t len)
{
	const struct snapshot *s = w->snap;
	uint64_t at = addr - s->stack_addr;

	if (addr >= s->stack_addr && at < s->stack_len && len <= s->stack_len - at) {
		memcpy(buf, (const char *)s->stack + at, len);
		return true;
	}
	if (s->read && s->read(s->ctx, addr, buf, len) == 0)
		return true;
	if (read_constant(w, addr, buf, len))
		return true;
	if (addr >= s->stack_addr && at < STACK_REACH)
		w->missed = true;
	return false;
}

static bool read_word(struct walk *w, uint64_t addr, uint64_t *ret)
{
	return walk_read(w, addr, ret, sizeof(*ret));
}

void walk_start(struct walk *w, struct symbols *s, const struct snapshot *snap)
{
	const struct user_regs_struct *r = snap->regs;

	*w = (struct walk){
		.s = s, .snap = snap, .known = (1u << DW_REGS) - 1, .exact = true,
		.regs = { r->rax, r->rdx, r->rcx, r->rbx, r->rsi, r->rdi, r->rbp, r->rsp,
			  r->r8, r->r9, r->r10, r->r11, r->r12, r->r13, r->r14, r->r15, r->rip },
	};
}

/*
 * The step by unwind tables: libdwfl is shown a thread that stands at the frame, and asked for one more.
 */

struct harvest {
	uint64_t regs[DW_REGS];
	uint32_t known;
	int frames;
};

static pid_t next_thread(Dwfl *dwfl, void *arg, void **thread_arg)
{
	(void)dwfl;
	if (*thread_arg)
		return 0;
	*thread_arg = arg;
	return 1;
}

static bool memory_read(Dwfl *dwfl, Dwarf_Addr addr, Dwarf_Word *ret, void *arg)
{
	struct walk **w = arg;

	(void)dwfl;
	return read_word(*w, addr, ret);
}

static bool set_registers(Dwfl_Thread *thread, void *arg)
{
	struct walk *w = *(struct walk **)arg;
	struct place p = symbols_place(w->s, w->snap, walk_lookup(w));
	Dwarf_Word pc = p.vaddr;

	for (int i = 0; i < DW_RIP; i++)
		if ((w->known & BIT(i)) && !dwfl_thread_state_registers(thread, i, 1, &w->regs[i]))
			return false;
	return dwfl_thread_state_registers(thread, DW_RIP, 1, &pc);
}

const Dwfl_Thread_Callbacks walk_callbacks = {
	.next_thread = next_thread,
	.memory_read = memory_read,
	.set_initial_registers = set_registers,
};

/* Called for the frame itself, which is not news, and for its caller. */
static int harvest_frame(Dwfl_Frame *f, void *arg)
{
	struct harvest *h = arg;

	if (h->frames++ == 0)
		return DWARF_CB_OK;
	for (unsigned int i = 0; i < DW_RIP; i++)
		if (dwfl_frame_reg(f, i, &h->regs[i]) == 0)
			h->known |= BIT(i);
	if (dwfl_frame_pc(f, &h->regs[DW_RIP], NULL))
		h->known |= BIT(DW_RIP);
	return DWARF_CB_ABORT;
}

static bool has_table(struct image *im, uint64_t vaddr)
{
	Dwarf_Addr bias;
	Dwarf_Frame *frame = NULL;
	Dwarf_CFI *cfi = dwfl_module_eh_cfi(im->mod, &bias);
	bool found = cfi && dwarf_cfi_addrframe(cfi, vaddr - bias, &frame) == 0;

	if (!found) {
		cfi = dwfl_module_dwarf_cfi(im->mod, &bias);
		found = cfi && dwarf_cfi_addrframe(cfi, vaddr - bias, &frame) == 0;
	}
	free(frame);
	return found;
}

static bool step_by_table(struct walk *w, const struct place *at)
{
	struct harvest h = { .frames = 0 };

	dwfl_getthread_frames(at->image->dwfl, 1, harvest_frame, &h);
	if (!(h.known & BIT(DW_RIP)))
		return false;
	memcpy(w->regs, h.regs, sizeof(h.regs));
	w->known = h.known;
	w->exact = false;
	return true;
}

/*
 * Steps without tables
 */

/* Whether a call instruction ends here: `call rel32`, or `call` of a register or memory operand. */
static bool after_call(struct walk *w, uint64_t addr)
{
	unsigned char b[8];
	bool all = walk_read(w, addr - 8, b, 8);

	if (!all && !walk_read(w, addr - 5, b + 3, 5))
		return false;
	if (b[3] == 0xe8)
		return true;
	for (int len = 2; len <= (all ? 7 : 5); len++)
		if (b[8 - len] == 0xff && ((b[9 - len] >> 3) & 7) == 2)
			return true;
	return false;
}

static bool is_return_address(struct walk *w, uint64_t addr)
{
	return symbols_place(w->s, w->snap, addr - 1).image && after_call(w, addr);
}

static void became(struct walk *w, uint64_t rip, uint64_t rsp)
{
	w->regs[DW_RIP] = rip;
	w->regs[DW_RSP] = rsp;
	w->known |= BIT(DW_RIP) | BIT(DW_RSP);
	w->exact = false;
}

/* A function that has pushed nothing (yet): the return address is on top of the stack. */
static bool step_leaf(struct walk *w)
{
	uint64_t rip;

	if (!read_word(w, w->regs[DW_RSP], &rip))
		return false;
	became(w, rip, w->regs[DW_RSP] + 8);
	return true;
}

static bool on_stack(const struct walk *w, uint64_t addr)
{
	return addr >= w->snap->stack_addr && addr - w->snap->stack_addr < STACK_REACH;
}

/* Code made at run time is in no file: believe a return into it if the chain of frames goes on. */
static bool plausible_caller(struct walk *w, uint64_t rip, uint64_t fp, uint64_t saved)
{
	if (symbols_map(w->snap, rip - 1))
		return is_return_address(w, rip);
	return rip && rip < USER_END && !on_stack(w, rip) && saved > fp && saved % 8 == 0 &&
	       on_stack(w, saved);
}

static bool step_by_frame_pointer(struct walk *w)
{
	uint64_t fp = w->regs[DW_RBP], saved, rip;

	if (!(w->known & BIT(DW_RBP)) || fp % 8 || fp < w->regs[DW_RSP] || !on_stack(w, fp))
		return false;
	if (!read_word(w, fp, &saved) || !read_word(w, fp + 8, &rip))
		return false;
	if (!plausible_caller(w, rip, fp, saved))
		return false;
	became(w, rip, fp + 16);
	w->regs[DW_RBP] = saved;
	/* What else the callee has saved, and where, nobody says. */
	w->known = BIT(DW_RBP) | BIT(DW_RSP) | BIT(DW_RIP);
	return true;
}

static bool step_by_guess(struct walk *w)
{
	uint64_t top;

	if (w->exact && walk_read(w, w->regs[DW_RSP], &top, sizeof(top)) && is_return_address(w, top))
		return step_leaf(w);
	return step_by_frame_pointer(w);
}

/*
 * Particular code
 */

/* Where a handler returns to: `mov $15, %eax or %rax; syscall`. Not every libc has a table for it. */
static bool at_sigreturn(struct walk *w)
{
	static const unsigned char wide[] = { 0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05 };
	static const unsigned char narrow[] = { 0xb8, 15, 0, 0, 0, 0x0f, 0x05 };
	unsigned char b[sizeof(wide)];
	bool missed = w->missed, found;

	found = walk_read(w, w->regs[DW_RIP], b, sizeof(b)) &&
		(!memcmp(b, wide, sizeof(wide)) || !memcmp(b, narrow, sizeof(narrow)));
	w->missed = missed;
	return found;
}

/* The kernel's signal frame: rsp points at the ucontext, the interrupted registers are at 40 in it. */
static bool step_sigreturn(struct walk *w)
{
	static const unsigned char order[] = {
		DW_R8, 9, 10, 11, 12, 13, 14, DW_R15, DW_RDI, DW_RSI, DW_RBP, DW_RBX, DW_RDX, DW_RAX,
		DW_RCX, DW_RSP, DW_RIP,
	};
	uint64_t saved[countof(order)];

	if (++w->signals > MAX_SIGNALS || !walk_read(w, w->regs[DW_RSP] + 40, saved, sizeof(saved)))
		return false;
	for (size_t i = 0; i < countof(order); i++)
		w->regs[order[i]] = saved[i];
	w->known = (1u << DW_REGS) - 1;
	w->exact = true;
	return true;
}

/* tandem's entry into a vDSO function (`mov; syscall; ret`, 8 bytes) pushes nothing, whatever the
 * original's table says of these addresses. Further in, it is the original. */
static bool in_vdso_entry(const struct place *at)
{
	GElf_Sym sym;
	GElf_Off off;

	if (!at->image)
		return true;
	return dwfl_module_addrinfo(at->image->mod, at->vaddr, &off, &sym, NULL, NULL, NULL) && off <= 8;
}

static bool is_leaf(const struct walk *w, const struct place *at)
{
	if ((w->regs[DW_RIP] & ~0xfffull) == VSYSCALL_PAGE)
		return true;
	return at->map && !strcmp(at->map->path, VDSO_PATH) && in_vdso_entry(at);
}

static bool step_any(struct walk *w, const struct place *at)
{
	if (is_leaf(w, at))
		return step_leaf(w);
	if (at->image && has_table(at->image, at->vaddr))
		return step_by_table(w, at);
	return step_by_guess(w);
}

bool walk_step(struct walk *w, const struct place *at)
{
	uint64_t rsp = w->regs[DW_RSP];

	w->missed = false;
	if (at_sigreturn(w))
		return step_sigreturn(w);
	if (!step_any(w, at))
		return false;
	/* A caller's frame lies above: this is what makes every walk end. */
	if (!(w->known & BIT(DW_RSP)) || w->regs[DW_RSP] <= rsp || !w->regs[DW_RIP])
		return false;
	w->missed = false;
	w->exact = at_sigreturn(w);
	return true;
}
