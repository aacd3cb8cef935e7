/* Files: mapped, unpacked, and replaced as a whole. Every message names the path and the system's reason. */
#ifndef PW_FILE_H
#define PW_FILE_H
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

struct pw_mapping { const char *data; size_t len; uint64_t device, inode; };        /* read-only */
pwy_status pw_map_open(const char *path, struct pw_mapping *out);  /* a regular file; len 0 maps to data "" */
pwy_status pw_map_fd(int fd, const char *name, struct pw_mapping *out);
void pw_map_close(struct pw_mapping *mapping);
/* Of a stretch of a mapping. random: its pages are read as they are touched, with none around them. soon: all of it is
   read in the background. */
void pw_map_random(const void *from, size_t len);
void pw_map_soon(const void *from, size_t len);

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
/* The same with mode and owner of `like` (NULL: of what is there), for a file that belongs to another. */
pwy_status pw_replace_begin_like(const char *path, const char *like, struct pw_replace **out);
pwy_status pw_replace_commit(struct pw_replace *r);                /* frees r, also on failure */
/* The same, still locked: what belongs to the old file can be cleared away before pw_replace_abort lets go. */
pwy_status pw_replace_publish(struct pw_replace *r);
void pw_replace_abort(struct pw_replace *r);                       /* NULL allowed */

char *pw_path_join(const char *folder, const char *name);          /* name as it is when absolute; NULL: no memory */
pwy_status pw_path_resolve(const char *path, char **out);          /* behind all symbolic links */
char *pw_path_folder(const char *path);                            /* "." for a plain name */
#endif
