/* symbols_unwind.h - walks from a frame to its caller. Private to symbols*.c. */
#ifndef TANDEM_SYMBOLS_UNWIND_H
#define TANDEM_SYMBOLS_UNWIND_H

#include "show/symbols.h"
#include "show/symbols_elf.h"

/* x86-64 registers as DWARF numbers them; the last is the return address, that is rip. */
enum { DW_RAX, DW_RDX, DW_RCX, DW_RBX, DW_RSI, DW_RDI, DW_RBP, DW_RSP, DW_R8, DW_R15 = 15, DW_RIP, DW_REGS };

/* Where an address lies. */
struct place {
	const struct module_map *map;   /* NULL: in no file mapping */
	struct image *image;            /* NULL: the file is gone, changed, or no ELF file */
	uint64_t vaddr;                 /* with an image: the link address, in an executable segment */
};

struct walk {
	struct symbols *s;
	const struct snapshot *snap;
	uint64_t regs[DW_REGS];
	uint32_t known;                 /* a bit for each register whose value is known */
	bool exact;                     /* rip is an instruction to be executed, not a return address */
	bool missed;                    /* the last step wanted bytes that the snapshot lacks */
	int signals;                    /* signal frames passed so far */
};

/* Implemented by symbols.c, which keeps the images. */
struct place symbols_place(struct symbols *s, const struct snapshot *snap, uint64_t addr);
const struct module_map *symbols_map(const struct snapshot *snap, uint64_t addr);

void walk_start(struct walk *w, struct symbols *s, const struct snapshot *snap);

/* The address that names the current frame: a call may be the last instruction of its function. */
static inline uint64_t walk_lookup(const struct walk *w)
{
	return w->regs[DW_RIP] - !w->exact;
}

/* Moves to the caller; false at the end. `at` is the place of walk_lookup. */
bool walk_step(struct walk *w, const struct place *at);

/* Callbacks for image_attach; the argument is a `struct walk **`. */
extern const Dwfl_Thread_Callbacks walk_callbacks;

#endif
