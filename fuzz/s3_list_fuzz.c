/* s3_list_fuzz.c -- a page of an S3 server's listing: whatever comes is read or refused in words;
 * what is read has a key and a size for each entry, and says where it goes on when it does. */
#include "base/check.h"
#include "fuzz/target.h"
#include "store/objects.h"
#include "store/remote_in.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ft_arena arena = FT_ARENA_INIT(0);
    ft_remote_page page = { 0 };
    if (ft_remote_page_read(&page, &arena, ft_str_n(data, size)) == FT_OK) {
        FT_CHECK(!page.more || page.next.len);
        for (size_t i = 0; i < page.count; i++) {
            FT_CHECK(page.items[i].key.at && page.items[i].key.len);
            FT_CHECK(ft_etag_plain(page.items[i].etag).len <= page.items[i].etag.len);
        }
    } else {
        FT_CHECK(ft_err_why()[0]);
    }
    ft_arena_fini(&arena);
    ft_err_clear();
    return 0;
}
