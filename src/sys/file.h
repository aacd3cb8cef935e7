/* Files: mapped, unpacked, and replaced as a whole. Every message names the path and the system's reason. */
#ifndef PW_FILE_H
#define PW_FILE_H
#include "base/error.h"

struct pw_mapping { const char *data; size_t len; };               /* read-only */
pwy_status pw_map_open(const char *path, struct pw_mapping *out);  /* a regular file; len 0 maps to data "" */
pwy_status pw_map_fd(int fd, const char *name, struct pw_mapping *out);
void pw_map_close(struct pw_mapping *mapping);

/* Unpacks a gzip file into an unlinked temporary file ($TMPDIR or /tmp) and maps that; a plain file is mapped as it
   is. A cut-off or damaged gzip is PWY_E_FORMAT. */
pwy_status pw_map_unpacked(const char *path, struct pw_mapping *out);

/* An unlinked temporary file for spooling. */
pwy_status pw_temp_open(int *fd);
pwy_status pw_write_all(int fd, const void *data, size_t len, const char *name);

/* Writes beside `path`, syncs, renames over it, syncs the folder; mode and symbolic links kept; a lock keeps two
   writers apart. Nothing of the old file changes before commit; abort, and a crash at any point, leave it whole. */
struct pw_replace;
pwy_status pw_replace_begin(const char *path, struct pw_replace **out);   /* says now if the folder cannot be written */
int pw_replace_fd(const struct pw_replace *r);
pwy_status pw_replace_commit(struct pw_replace *r);                /* frees r, also on failure */
void pw_replace_abort(struct pw_replace *r);                       /* NULL allowed */

char *pw_path_join(const char *folder, const char *name);          /* name as it is when absolute; NULL: no memory */
char *pw_path_folder(const char *path);                            /* "." for a plain name */
#endif
