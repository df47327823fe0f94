/* zip.h -- the members of a ZIP archive in memory, stored or deflated: what NumPy's .npz files
 * and PyTorch's files are. Source: PKWARE APPNOTE 6.3.9, sections 4.3 to 4.5 (zip64 too). */
#ifndef FT_ZIP_H
#define FT_ZIP_H

#include "base/buf.h"

#define FT_ZIP_MEMBERS_MAX ((uint64_t)1 << 20)

typedef struct ft_zip {
    ft_str bytes;
    ft_str rest; /* of the directory */
    uint64_t left;
} ft_zip;

typedef struct ft_zip_member {
    ft_str name;
    ft_str packed; /* a view of the archive */
    uint64_t size; /* unpacked */
    uint32_t crc32;
    bool deflated;
} ft_zip_member;

/* FT_ECORRUPT for what is no whole archive. */
ft_err ft_zip_open(ft_zip *z, ft_str bytes);
/* The next member; FT_ENOTFOUND without a trail at the end. FT_EUNSUPPORTED: encrypted, or packed
 * in another way. */
ft_err ft_zip_next(ft_zip_member *out, ft_zip *z);
/* Appends its contents; FT_ECORRUPT when size or CRC-32 differ. */
ft_err ft_zip_unpack(ft_buf *out, const ft_zip_member *m);

#endif
