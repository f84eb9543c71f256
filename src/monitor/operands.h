/* operands.h - what the instruction at which a task stands reads and writes. */
#ifndef TANDEM_OPERANDS_H
#define TANDEM_OPERANDS_H

#include <Zydis/Zydis.h>

#include "monitor/task.h"

/* t's registers are valid. `op` has room for ZYDIS_MAX_OPERAND_COUNT. */
bool operands_decode(struct task *t, ZydisDecodedInstruction *ret, ZydisDecodedOperand *op);
/* Where an operand in memory is. False where the address is of a kind that programs hardly use (32-bit registers, vectors of addresses). */
bool operand_address(const struct user_regs_struct *r, const ZydisDecodedInstruction *in, const ZydisDecodedOperand *op,
                     uint64_t *ret);

#endif
