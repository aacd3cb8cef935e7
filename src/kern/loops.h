/* The loops of a table over vectors of VW floats. Included by avx2.c and avx512.c after vmath.h.
   EACH walks i over 0 .. n-1 in steps of VW; GET and PUT at i touch no more than the n elements.
   A product that meets a sum is always a v_fma written out: the bits must be those of reference.c. */

#define EACH(n) for (int i = 0, left = (n); left > 0; i += VW, left -= VW)
#define GET(p) v_get((p) + i, left)
#define PUT(p, value) v_put((p) + i, left, (value))

static inline vec v_get(const float *p, int left)
{
    return left >= VW ? v_load(p) : v_load_part(p, left);
}

static inline void v_put(float *p, int left, vec value)
{
    if (left >= VW)
        v_store(p, value);
    else
        v_store_part(p, left, value);
}

static float fold_sum(float *lane)
{
    for (int half = PW_LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            lane[i] += lane[i + half];
    return lane[0];
}

static float sum(int n, const float *x)
{
    vec acc[PW_LANES / VW];
    float lane[PW_LANES];
    for (int j = 0; j < PW_LANES / VW; j++)
        acc[j] = v_set(0);
    int whole = n > 0 ? n - n % PW_LANES : 0;
    for (int i = 0; i < whole; i += PW_LANES)
        for (int j = 0; j < PW_LANES / VW; j++)
            acc[j] = v_add(acc[j], v_load(x + i + j * VW));
    for (int j = 0; j < PW_LANES / VW; j++)
        v_store(lane + j * VW, acc[j]);
    for (int i = whole; i < n; i++)
        lane[i - whole] += x[i];
    return fold_sum(lane);
}

static float dot(int n, const float *x, const float *y)
{
    vec acc[PW_LANES / VW];
    float lane[PW_LANES];
    for (int j = 0; j < PW_LANES / VW; j++)
        acc[j] = v_set(0);
    int whole = n > 0 ? n - n % PW_LANES : 0;
    for (int i = 0; i < whole; i += PW_LANES)
        for (int j = 0; j < PW_LANES / VW; j++)
            acc[j] = v_fma(v_load(x + i + j * VW), v_load(y + i + j * VW), acc[j]);
    for (int j = 0; j < PW_LANES / VW; j++)
        v_store(lane + j * VW, acc[j]);
    for (int i = whole; i < n; i++)
        lane[i - whole] = fmaf(x[i], y[i], lane[i - whole]);
    return fold_sum(lane);
}

static float fold_max(float *lane)
{
    for (int half = PW_LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            lane[i] = lane[i + half] > lane[i] ? lane[i + half] : lane[i];
    return lane[0];
}

static float max(int n, const float *x)
{
    vec acc[PW_LANES / VW];
    float lane[PW_LANES];
    for (int j = 0; j < PW_LANES / VW; j++)
        acc[j] = v_set(-INFINITY);
    int whole = n > 0 ? n - n % PW_LANES : 0;
    for (int i = 0; i < whole; i += PW_LANES)
        for (int j = 0; j < PW_LANES / VW; j++)
            acc[j] = v_max(v_load(x + i + j * VW), acc[j]);
    for (int j = 0; j < PW_LANES / VW; j++)
        v_store(lane + j * VW, acc[j]);
    for (int i = whole; i < n; i++)
        lane[i - whole] = x[i] > lane[i - whole] ? x[i] : lane[i - whole];
    return fold_max(lane);
}

static void axpy(int n, float a, const float *x, float *y)
{
    EACH(n)
        PUT(y, v_fma(v_set(a), GET(x), GET(y)));
}

static void scale(int n, float a, float *x)
{
    EACH(n)
        PUT(x, v_mul(v_set(a), GET(x)));
}

static void add(int n, const float *x, float *y)
{
    EACH(n)
        PUT(y, v_add(GET(y), GET(x)));
}

static void mul(int n, const float *x, const float *y, float *out)
{
    EACH(n)
        PUT(out, v_mul(GET(x), GET(y)));
}

static void vexp(int n, const float *x, float *out)
{
    EACH(n)
        PUT(out, v_exp(GET(x)));
}

static void vlog(int n, const float *x, float *out)
{
    EACH(n)
        PUT(out, v_log(GET(x)));
}

static void sigmoid(int n, const float *x, float *out)
{
    EACH(n)
        PUT(out, v_sigmoid(GET(x)));
}

static void relu(int n, const float *x, float *out)
{
    EACH(n)
        PUT(out, v_max(v_set(0), GET(x)));
}

static inline ivec v_bf16(vec x)
{
    ivec bits = v_as_int(x), even = v_iand(v_shift_right(bits, 16), v_iset(1));
    vec nearest = v_as_float(v_iadd(v_iadd(bits, v_iset(0x7fff)), even));
    vec quiet = v_as_float(v_ior(bits, v_iset(0x400000)));
    return v_iand(v_shift_right(v_as_int(v_select(v_equal(x, x), nearest, quiet)), 16), v_iset(0xffff));
}

static void to_bf16(int n, const float *x, uint16_t *out)
{
    EACH(n) {
        uint16_t part[VW];
        ivec half = v_bf16(GET(x));
        v_store_half(left >= VW ? out + i : part, half);
        if (left < VW)
            memcpy(out + i, part, (size_t)left * sizeof *part);
    }
}

static void from_bf16(int n, const uint16_t *x, float *out)
{
    EACH(n) {
        uint16_t part[VW] = { 0 };
        if (left < VW)
            memcpy(part, x + i, (size_t)left * sizeof *part);
        PUT(out, v_as_float(v_shift_left(v_load_half(left >= VW ? x + i : part), 16)));
    }
}

static void softmax(int n, const float *x, float factor, float *out)
{
    EACH(n)
        PUT(out, v_mul(v_set(factor), GET(x)));
    float top = max(n, out);
    EACH(n)
        PUT(out, v_exp(v_sub(GET(out), v_set(top))));
    scale(n, 1.0f / sum(n, out), out);
}

static void swiglu(int n, const float *a, const float *b, float *out)
{
    EACH(n) {
        vec x = GET(a);
        PUT(out, v_mul(v_mul(x, v_sigmoid(x)), GET(b)));
    }
}

static void swiglu_back(int n, const float *a, const float *b, const float *dout, float *da, float *db)
{
    EACH(n) {
        vec x = GET(a), d = GET(dout), s = v_sigmoid(x), silu = v_mul(x, s);
        vec slope = v_fma(silu, v_sub(v_set(1), s), s);
        PUT(da, v_mul(v_mul(d, GET(b)), slope));
        PUT(db, v_mul(d, silu));
    }
}

static void adamw(int n, float *w, const float *g, float *m, float *v, float gscale, float b1, float b2, float step,
                  float c2, float eps, float decay)
{
    const vec rest1 = v_set(1.0f - b1), rest2 = v_set(1.0f - b2);
    EACH(n) {
        vec s = v_mul(GET(g), v_set(gscale)), old = GET(w);
        vec first = v_fma(v_set(b1), GET(m), v_mul(rest1, s));
        vec second = v_fma(v_set(b2), GET(v), v_mul(rest2, v_mul(s, s)));
        vec u = v_div(first, v_fma(v_sqrt(second), v_set(c2), v_set(eps)));
        PUT(m, first);
        PUT(v, second);
        PUT(w, v_sub(old, v_fma(v_set(decay), old, v_mul(v_set(step), u))));
    }
}

static void adamw_missed(int n, float *w, float *m, float *v, int nodes, const float *a, const float *q, float keep,
                         float b1, float b2, float eps)
{
    EACH(n) {
        vec first = GET(m), second = GET(v), root = v_sqrt(second), out = v_mul(v_set(keep), GET(w));
        for (int k = 0; k < nodes; k++)
            out = v_sub(out, v_mul(v_set(a[k]), v_div(first, v_fma(root, v_set(q[k]), v_set(eps)))));
        PUT(w, out);
        PUT(m, v_mul(first, v_set(b1)));
        PUT(v, v_mul(second, v_set(b2)));
    }
}

#define TABLE(word, training, low, packed) { \
    .name = word, .matmul = matmul, .product = product, .gemm = training, .gemm_bf16 = low, .panels = packed, \
    .linear = linear, \
    .transpose = transpose, .sum = sum, .dot = dot, .max = max, .axpy = axpy, .scale = scale, .add = add, \
    .mul = mul, .exp = vexp, .log = vlog, .sigmoid = sigmoid, .relu = relu, .to_bf16 = to_bf16, \
    .from_bf16 = from_bf16, .softmax = softmax, .swiglu = swiglu, .swiglu_back = swiglu_back, .adamw = adamw, \
    .adamw_missed = adamw_missed }
