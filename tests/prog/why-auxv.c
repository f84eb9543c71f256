/* why-auxv.c - the random bytes that the kernel gives each program at its start are printed. */
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>

int main(void)
{
    unsigned char bytes[16];

    memcpy(bytes, (const void *)getauxval(AT_RANDOM), sizeof bytes); /* cause: auxv */
    for (unsigned i = 0; i < sizeof bytes; i++)
        printf("%02x", bytes[i]);
    printf("\n");
    return 0;
}
