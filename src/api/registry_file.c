/* pathways/registry.h: registries as files. */
#include "api/check.h"
#include "file/registry_file.h"

pwy_status pwy_registry_save(const pwy_registry *registry, const char *path)
{
    PW_GIVEN(registry);
    PW_GIVEN(path);
    return pw_registry_write_file(registry, path);
}

pwy_status pwy_registry_open(pwy_context *context, const char *path, pwy_registry **out)
{
    PW_GIVEN(path);
    PW_GIVEN(out);
    return pw_registry_read_file(context, path, out);
}
