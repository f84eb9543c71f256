/* why-rdrand.c - a random number from an instruction of the CPU is printed. */
#include <stdio.h>

int main(void)
{
    unsigned long number;
    unsigned char good;

    do
        __asm__ volatile("rdrand %0; setc %1" : "=r"(number), "=qm"(good) : : "cc"); /* cause: random */
    while (!good);
    printf("%016lx\n", number);
    return 0;
}
