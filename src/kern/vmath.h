/* exp, log and sigmoid of one vector, by the same operations as reference.c. Included by avx2.c and avx512.c, which
   define vec, ivec, vmask, VW and the v_ operations. min and max give their second operand when one is a NaN. */

static inline vec v_exp(vec x)
{
    x = v_max(v_set(PW_EXP_LOW), v_min(v_set(PW_EXP_HIGH), x));
    vec n = v_round(v_mul(x, v_set(PW_LOG2E)));
    vec r = v_fma(n, v_set(-PW_LN2_LO), v_fma(n, v_set(-PW_LN2_HI), x));
    vec q = v_fma(v_set(PW_EXP_C4), r, v_set(PW_EXP_C3));
    q = v_fma(q, r, v_set(PW_EXP_C2));
    q = v_fma(q, r, v_set(PW_EXP_C1));
    q = v_fma(q, r, v_set(PW_EXP_C0));
    vec p = v_add(v_fma(v_mul(r, r), q, r), v_set(1));
    ivec whole = v_to_int(n), half = v_shift_right(whole, 1);
    ivec low = v_shift_left(v_iadd(half, v_iset(127)), 23);
    ivec high = v_shift_left(v_iadd(v_isub(whole, half), v_iset(127)), 23);
    return v_mul(v_mul(p, v_as_float(low)), v_as_float(high));
}

static inline vec v_log(vec x)
{
    vmask tiny = v_less(x, v_set(PW_LOG_TINY));
    ivec bits = v_as_int(v_select(tiny, v_mul(x, v_set(PW_LOG_SCALE)), x));
    bits = v_isub(bits, v_iset(PW_SQRT_HALF_BITS));
    vec e = v_sub(v_from_int(v_shift_right(bits, 23)), v_select(tiny, v_set(25), v_set(0)));
    bits = v_iadd(v_iand(bits, v_iset(0x7fffff)), v_iset(PW_SQRT_HALF_BITS));
    vec f = v_sub(v_as_float(bits), v_set(1));
    vec q = v_fma(v_set(PW_LOG_C6), f, v_set(PW_LOG_C5));
    q = v_fma(q, f, v_set(PW_LOG_C4));
    q = v_fma(q, f, v_set(PW_LOG_C3));
    q = v_fma(q, f, v_set(PW_LOG_C2));
    q = v_fma(q, f, v_set(PW_LOG_C1));
    q = v_fma(q, f, v_set(PW_LOG_C0));
    vec y = v_fma(e, v_set(PW_LN2_HI), v_fma(v_mul(f, f), v_fma(q, f, v_set(-0.5f)), f));
    y = v_select(v_less(x, v_set(INFINITY)), y, x);                 /* inf and NaN stay */
    y = v_select(v_less(x, v_set(0)), v_set(NAN), y);
    return v_select(v_equal(x, v_set(0)), v_set(-INFINITY), y);
}

static inline vec v_sigmoid(vec x)
{
    vec e = v_exp(v_select(v_less(x, v_set(0)), x, v_negate(x)));
    vec top = v_select(v_less_equal(v_set(0), x), v_set(1), e);
    return v_div(top, v_add(v_set(1), e));
}
