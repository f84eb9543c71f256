/* why-stack-address.c - the address of a variable on the stack is printed. */
#include <stdio.h>

int main(void)
{
    int local = 0;

    printf("%p\n", (void *)&local); /* cause: layout */
    return local;
}
