#include "core/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/signature.h"

typedef struct {
    const char *name, *kind, *signature;
    char *message;
    size_t size;
} report;

__attribute__((format(printf, 2, 3))) static bool wrong(const report *to, const char *format, ...)
{
    const int begin =
        snprintf(to->message, to->size, "%s (%s of \"%s\"): ", to->name, to->kind, to->signature);
    if (begin < 0 || (size_t)begin >= to->size)
        return false;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(to->message + begin, to->size - (size_t)begin, format, arguments);
    va_end(arguments);
    return false;
}

/* How many outputs have a value per element. Without any "(n)", all of them have. */
static int elements_of(const fg_facts *facts)
{
    return facts->nout - __builtin_popcount(facts->summed);
}

static bool check_operands(const report *to, int takes, int gives, const fg_facts *said)
{
    if (takes != said->nin)
        return wrong(to, "inputs: the formula has %d, the signature %d", takes, said->nin);
    if (gives != said->nout)
        return wrong(to, "outputs: the formula has %d, the signature %d", gives, said->nout);
    return true;
}

/* A map that is a whole operation. */
static bool check_map(const report *to, const fg_stage *stage, const fg_facts *said)
{
    if (!fg_is_end(&stage[1]))
        return wrong(to, "a map that is a whole operation has a stage after it");
    if (__builtin_popcount(said->summed) > FG_MAX_TERMS)
        return wrong(to, "more than %d outputs are summed", FG_MAX_TERMS);
    if (!check_operands(to, stage->takes, stage->gives, said))
        return false;
    const uint64_t one = 1, numbers = (one << said->nin) - (one << stage->arrays);
    if (stage->steady != NULL && said->per_row != numbers)
        return wrong(to, "the steady loop has %d arrays and then numbers, the signature has not",
                     stage->arrays);
    return true;
}

/* Behind a short cut, only its own state is certain. */
static bool check_short_cut(const report *to, int number, const fg_stage *stage,
                            const fg_facts *said)
{
    if (stage->skips == 0)
        return true;
    for (int i = 1; i <= stage->skips; i++)
        if (fg_is_end(&stage[i]))
            return wrong(to, "stage %d skips %d stages, and fewer follow", number, stage->skips);
    const fg_stage *next = stage + 1 + stage->skips;
    const int sums = __builtin_popcount(said->summed);
    if (stage->states < 1 || stage->states < sums || stage->states < next->reads)
        return wrong(to, "stage %d leaves %d numbers of state, too few for what it skips to",
                     number, stage->states);
    if (fg_is_end(next) && elements_of(said) > 0)
        return wrong(to, "stage %d skips the outputs", number);
    return true;
}

/* One stage among others; states: how many numbers of state there are before it. */
static bool check_stage(const report *to, int number, const fg_stage *stage, bool closes,
                        const fg_facts *said, int states)
{
    const int outputs = stage->sums == NULL && fg_is_end(&stage[1]) ? elements_of(said) : 0;
    if (stage->terms < 0 || stage->terms > FG_MAX_TERMS || stage->states > FG_MAX_STATE)
        return wrong(to, "stage %d has more than %d terms, or %d numbers of state", number,
                     FG_MAX_TERMS, FG_MAX_STATE);
    if (stage->takes < 0 || stage->takes > said->nin)
        return wrong(to, "inputs of stage %d: it takes %d of %d", number, stage->takes, said->nin);
    if (stage->reads < 0 || stage->reads > states)
        return wrong(to, "state of stage %d: it reads %d numbers of %d", number, stage->reads,
                     states);
    if (stage->gives != outputs + stage->terms)
        return wrong(to, "results of stage %d: its map gives %d, not %d outputs and %d terms",
                     number, stage->gives, outputs, stage->terms);
    if (stage->terms > 0 && !closes)
        return wrong(to, "stage %d has terms, and no closing", number);
    return check_short_cut(to, number, stage, said);
}

static bool check_stages(const report *to, const fg_stage *stages, const fg_stage *wide,
                         const fg_facts *said)
{
    int states = 0, takes = 0;
    if (stages->terms == FG_SUMMED_OUTPUTS)
        return check_map(to, stages, said);
    for (int i = 0; !fg_is_end(&stages[i]); i++) {
        if (fg_is_end(&wide[i]))
            return wrong(to, "it has fewer stages in double than in float");
        if (!check_stage(to, i, &stages[i], wide[i].close != NULL, said, states))
            return false;
        takes = stages[i].takes > takes ? stages[i].takes : takes;
        states = stages[i].states > states ? stages[i].states : states;
    }
    if (states < __builtin_popcount(said->summed))
        return wrong(to, "outputs \"()\": the state has only %d numbers", states);
    return check_operands(to, takes, said->nout, said);
}

static bool check_kernel(const report *to, const fg_kernel *single, const fg_kernel *wide,
                         const fg_facts *said)
{
    if (wide->lanes != NULL)
        return check_operands(to, wide->nin, wide->nout, said);
    if (single->stages == NULL || wide->stages == NULL)
        return wrong(to, "it has neither stages nor a lane kernel");
    if (!check_stages(to, single->stages, wide->stages, said) ||
        !check_stages(to, wide->stages, wide->stages, said))
        return false;
    if (single->element_stages == NULL)
        return true;
    return check_map(to, single->element_stages, said) && check_map(to, wide->element_stages, said);
}

bool fg_check_row(const fg_row *single, const fg_row *wide, char *message, size_t size)
{
    fg_facts said;
    report to = {single->name, "the value", single->signature, message, size};
    if (!fg_read_signature(&said, single->signature, wide->value.lanes != NULL))
        return wrong(&to, "the signature is not like \"(n),()->(n)\", of at most %d operands",
                     FG_MAX_OPERANDS);
    if (wide->name == NULL || strcmp(single->name, wide->name) != 0)
        return wrong(&to, "the row is another one in double");
    if (!check_kernel(&to, &single->value, &wide->value, &said))
        return false;
    if (wide->derivative.stages == NULL && wide->derivative.lanes == NULL)
        return true;
    to.kind = "the derivative";
    if (!fg_derive_facts(&said))
        return wrong(&to, "more than %d operands", FG_MAX_OPERANDS);
    return check_kernel(&to, &single->derivative, &wide->derivative, &said);
}
