/* symbols_elf.h - one ELF file, opened for symbols, lines and unwind tables. Private to symbols*.c.
 *
 * Every address in here is the file's own (its link address): the same image serves every process
 * that has the file mapped, wherever that is. Whoever knows a mapping translates, by image_vaddr.
 */
#ifndef TANDEM_SYMBOLS_ELF_H
#define TANDEM_SYMBOLS_ELF_H

#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#define VDSO_PATH "[vdso]"
#define MAX_LOADS 32

struct load {
	uint64_t vaddr, offset, filesz;
	uint32_t flags;                 /* PF_* */
};

struct cu_range {
	Dwarf_Addr low, high;           /* as in the debug information, without its bias */
	Dwarf_Die die;
};

struct image {
	struct image *next;
	char *path;
	uint64_t dev, ino;              /* as the mapping had them */
	struct stat st;                 /* of the file when it was opened */
	uint64_t checked;               /* the last backtrace that found the file unchanged */
	Dwfl *dwfl;                     /* owns fd and ELF handle */
	Dwfl_Module *mod;
	Elf *elf;                       /* to be handed to dwfl when it asks */
	int fd;                         /* -1: in memory */
	void *copy;                     /* the vDSO's bytes */
	struct load loads[MAX_LOADS];
	int nloads;
	struct cu_range *cus;           /* in order of address; NULL: not built yet */
	size_t ncus;
	Dwarf_Addr cu_bias;
	bool cus_done;
};

/* Opens `path` if it is still the file `dev`, `ino` (0, 0: any); NULL otherwise. */
struct image *image_open(const char *path, uint64_t dev, uint64_t ino);
void image_close(struct image *im);
bool image_unchanged(const struct image *im);

/* Attaches callbacks for unwinding; `arg` comes back in them. */
bool image_attach(struct image *im, const Dwfl_Thread_Callbacks *cb, void *arg);

/* The link address of the byte at a file offset, in a segment whose flags under `mask` are `want`. */
bool image_vaddr(const struct image *im, uint64_t offset, uint32_t mask, uint32_t want,
		 uint64_t *ret_vaddr);

/* Bytes of the file, as they were mapped. */
bool image_read(const struct image *im, uint64_t offset, void *buf, size_t len);

/* The compilation unit that covers an address, or NULL; `*ret_bias`: link address less debug address. */
Dwarf_Die *image_cu(struct image *im, uint64_t vaddr, Dwarf_Addr *ret_bias);

#endif
