/* Prints the best instruction set that both csrc/ and this CPU have. */
#include "core/cpu.h"

#include <stdio.h>

int main(void)
{
    __builtin_cpu_init();
    puts(v4_supported() ? "v4" : v3_supported() ? "v3" : "v2");
    return 0;
}
