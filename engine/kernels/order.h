/* engine/kernels/order.h - NumPy's quicksort and introselect, which leave equal elements where
 * nothing but the same steps would; included once for each kind of element: ORDER(name) names its
 * functions, ITEM is what is moved, LESS(v, x, y) compares two of them by what v (a CONTEXT)
 * knows; SKIM_OVER(a, i, j, pivot) does part of a partition's steps (skim.h), or nothing.
 * SELECT_ONLY leaves the quicksort out; STABLE_FEW(a, n) sorts 16 elements or less.
 *
 * Quicksort: median of three, runs of 16 by insertion, heap sort when it goes too deep.  Selection:
 * quickselect with the median of medians of five when it goes too deep, pivots kept for the next
 * place. */

static void ORDER(select)(const CONTEXT *v, ITEM *index, int64_t n, int64_t kth, bool inexact,
                          pivots *p);

static inline void ORDER(swap)(ITEM *index, int64_t i, int64_t j)
{
    ITEM t = index[i];
    index[i] = index[j];
    index[j] = t;
}

#ifndef SELECT_ONLY
static void ORDER(heap_sort)(const CONTEXT *v, ITEM *a, int64_t n)
{
    for (int64_t end = n, root = n / 2; end > 1;) {
        int64_t i;
        ITEM k;
        if (root > 0)
            k = a[--root];
        else {
            k = a[--end];
            a[end] = a[0];
        }
        for (i = root; 2 * i + 1 < end;) {
            int64_t child = 2 * i + 1;
            if (child + 1 < end && LESS(v, a[child], a[child + 1])) child++;
            if (!LESS(v, k, a[child])) break;
            a[i] = a[child];
            i = child;
        }
        a[i] = k;
    }
}

#ifndef STABLE_FEW
static void ORDER(insert_indices)(const CONTEXT *v, ITEM *index, int64_t low, int64_t high)
{
    for (int64_t i = low + 1; i <= high; i++) {
        ITEM k = index[i];
        int64_t j = i;
        for (; j > low && LESS(v, k, index[j - 1]); j--) index[j] = index[j - 1];
        index[j] = k;
    }
}
#endif

/* The middle of first, middle and last becomes the pivot; answers where it ends up. */
static int64_t ORDER(split)(const CONTEXT *v, ITEM *index, int64_t low, int64_t high)
{
    int64_t mid = low + ((high - low) >> 1), i = low, j = high - 1;
    if (LESS(v, index[mid], index[low])) ORDER(swap)(index, mid, low);
    if (LESS(v, index[high], index[mid])) ORDER(swap)(index, high, mid);
    if (LESS(v, index[mid], index[low])) ORDER(swap)(index, mid, low);
    ITEM pivot = index[mid];
    ORDER(swap)(index, mid, j);
    SKIM_OVER(index, &i, &j, pivot);
    for (;;) {
        do i++;
        while (LESS(v, index[i], pivot));
        do j--;
        while (LESS(v, pivot, index[j]));
        if (i >= j) break;
        ORDER(swap)(index, i, j);
    }
    ORDER(swap)(index, i, high - 1);
    return i;
}

static void ORDER(quicksort)(const CONTEXT *v, ITEM *index, int64_t low, int64_t high, int depth)
{
    while (high - low > 15) {
        if (depth-- < 0) {
            ORDER(heap_sort)(v, index + low, high - low + 1);
            return;
        }
        int64_t at = ORDER(split)(v, index, low, high);
        if (at - low < high - at) { /* the shorter side first, so recursion stays shallow */
            ORDER(quicksort)(v, index, low, at - 1, depth);
            low = at + 1;
        } else {
            ORDER(quicksort)(v, index, at + 1, high, depth);
            high = at - 1;
        }
    }
#ifdef STABLE_FEW
    STABLE_FEW(index + low, high - low + 1);
#else
    ORDER(insert_indices)(v, index, low, high);
#endif
}

#endif

/* repeated minimum: best when kth is near the start */
static void ORDER(select_by_minimum)(const CONTEXT *v, ITEM *index, int64_t n, int64_t kth)
{
    for (int64_t i = 0; i < kth; i++) {
        int64_t least = i;
        for (int64_t k = i + 1; k < n; k++)
            if (LESS(v, index[k], index[least])) least = k;
        ORDER(swap)(index, i, least);
    }
}

/* position of the median of five elements, ordering some of them on the way */
static int64_t ORDER(median_of_five)(const CONTEXT *v, ITEM *a)
{
    if (LESS(v, a[1], a[0])) ORDER(swap)(a, 1, 0);
    if (LESS(v, a[4], a[3])) ORDER(swap)(a, 4, 3);
    if (LESS(v, a[3], a[0])) ORDER(swap)(a, 3, 0);
    if (LESS(v, a[4], a[1])) ORDER(swap)(a, 4, 1);
    if (LESS(v, a[2], a[1])) ORDER(swap)(a, 2, 1);
    if (LESS(v, a[3], a[2])) return LESS(v, a[3], a[1]) ? 1 : 3;
    return 2;
}

static int64_t ORDER(median_of_medians)(const CONTEXT *v, ITEM *index, int64_t n)
{
    int64_t groups = n / 5;
    for (int64_t i = 0; i < groups; i++)
        ORDER(swap)(index, 5 * i + ORDER(median_of_five)(v, index + 5 * i), i);
    if (groups > 2) ORDER(select)(v, index, groups, groups / 2, false, NULL);
    return groups / 2;
}

/* pivot to low, the smallest of three to low + 1: guards for the partition below */
static void ORDER(median_of_three)(const CONTEXT *v, ITEM *a, int64_t low, int64_t mid,
                                   int64_t high)
{
    if (LESS(v, a[high], a[mid])) ORDER(swap)(a, high, mid);
    if (LESS(v, a[high], a[low])) ORDER(swap)(a, high, low);
    if (LESS(v, a[low], a[mid])) ORDER(swap)(a, low, mid);
    ORDER(swap)(a, mid, low + 1);
}

static void ORDER(select)(const CONTEXT *v, ITEM *index, int64_t n, int64_t kth, bool inexact,
                          pivots *p)
{
    int64_t low = 0, high = n - 1;
    if (!narrow(p, kth, &low, &high)) return;
    if (kth - low < 3) {
        ORDER(select_by_minimum)(v, index + low, high - low + 1, kth - low + 1);
        keep_pivot(kth, kth, p);
        return;
    }
    if (inexact && kth == n - 1) { /* asks whether there is a NaN: one pass for the maximum */
        int64_t most = low;
        for (int64_t k = low + 1; k < n; k++)
            if (!LESS(v, index[k], index[most])) most = k;
        ORDER(swap)(index, kth, most);
        return;
    }
    for (int depth = 2 * top_bit(n); low + 1 < high; depth--) {
        int64_t i = low + 1, j = high;
        if (depth > 0 || j - i < 5)
            ORDER(median_of_three)(v, index, low, low + (high - low) / 2, high);
        else {
            ORDER(swap)(index, i + ORDER(median_of_medians)(v, index + i, j - i), low);
            i--;
            j++;
        }
        ITEM pivot = index[low];
        SKIM_OVER(index, &i, &j, pivot);
        for (;;) {
            do i++;
            while (LESS(v, index[i], pivot));
            do j--;
            while (LESS(v, pivot, index[j]));
            if (j < i) break;
            ORDER(swap)(index, i, j);
        }
        ORDER(swap)(index, low, j);
        if (j != kth) keep_pivot(j, kth, p);
        if (j >= kth) high = j - 1;
        if (j <= kth) low = i;
    }
    if (high == low + 1 && LESS(v, index[high], index[low])) ORDER(swap)(index, high, low);
    keep_pivot(kth, kth, p);
}
