#include "actors/book/reject.h"

#include "runtime/check.h"

const char *reject_text(enum reject reject)
{
#define REJECT_TEXT(name, text) [name] = text,
    static const char *const texts[] = {REJECT_MAP(REJECT_TEXT)};
#undef REJECT_TEXT
    ASSERT(reject < REJECT_COUNT);
    return texts[reject];
}
