/* scan.h - what the two halves of the scan share: objects.c finds the function around an address, scan.c walks
 * through it. */
#ifndef TANDEM_SCAN_H
#define TANDEM_SCAN_H

#include <Zydis/Zydis.h>

#include "monitor/shields/insn.h"

#define INSN_BIT(kind) (1u << (kind))
#define PAGE 4096u
#define PAGES 64u                       /* kept; a power of two */
#define TABLE_MAX (64u << 20)           /* no believable table is larger */

struct span {
	uint64_t start, end;
};

struct function {
	struct span at;
	uint8_t *text;
	uint8_t *mark;                  /* per byte: length of the instruction that starts here, or... */
	size_t room;
	uint32_t *lead;                 /* offsets that branches lead to */
	size_t nlead, lead_room;
	bool indirect;                  /* jumps whose targets cannot be told */
	bool broken;                    /* something does not decode, or overlaps */
};
enum { UNSEEN = 0, INSIDE = 0xff };

struct scan {
	const struct insn_source *src;
	unsigned kinds;
	ZydisDecoder decoder;
	struct { uint64_t at; uint8_t *bytes; } page[PAGES];
	uint64_t eh_frame, eh_frame_len;/* len 0: until its terminator */
	uint64_t table, table_base;     /* of .eh_frame_hdr, sorted */
	uint32_t nfde;
	uint64_t dynamic;
	struct span *span;              /* functions by symbols, and by .eh_frame if it has no table */
	size_t nspan, span_room;
	bool spans_read;
	struct function f;              /* the one analysed last */
	struct insn_site *site;
	size_t nsite, site_room;
	struct insn_stats stats;
};

/* `array`, with room for one element more. */
void *scan_grown(void *array, size_t used, size_t *room, size_t size);
/* What the object's program headers tell: where its tables are. */
void object_open(struct scan *s);
/* The function around an address: the one that starts last before it. False: none is known. */
bool object_function(struct scan *s, uint64_t at, struct span *ret);

#endif
