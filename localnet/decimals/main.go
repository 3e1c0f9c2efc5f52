// Decimals prints numbers beside the text that the chain makes of them: its decimals are apd's, read,
// held between 1e-40 and 1e40, and written again in apd's G form. The output is always the same.
//
// Two parts. In the first, the left side is a float64, as an exact text: the worker sends its shortest
// digits, whole numbers of up to twenty digits written out, zero for -0 and for what is too small. In
// the second, it is a text as a model or a person may write it. "refused" stands for what the chain
// does not take.
package main

import (
	"bufio"
	"fmt"
	"math"
	"math/rand"
	"os"
	"strconv"
	"strings"

	"github.com/cockroachdb/apd/v3"
)

const (
	floats  = 1400
	texts   = 600
	refused = "refused"
	// A float beyond this many digits is written with an exponent.
	wholeDigits = 20
)

var (
	smallest = apd.New(1, -40)
	largest  = apd.New(1, 40)
)

func main() {
	random := rand.New(rand.NewSource(67))
	out := bufio.NewWriter(os.Stdout)
	fmt.Fprintln(out, "# float64")
	for i, value := range someFloats(random) {
		if i == floats {
			break
		}
		fmt.Fprintf(out, "%s\t%s\n", strconv.FormatFloat(value, 'g', -1, 64), canonical(sent(value)))
	}
	fmt.Fprintln(out, "# text")
	for i, text := range someTexts(random) {
		if i == texts {
			break
		}
		fmt.Fprintf(out, "%s\t%s\n", text, canonical(text))
	}
	if err := out.Flush(); err != nil {
		fmt.Fprintln(os.Stderr, "the vectors could not be written:", err)
		os.Exit(1)
	}
}

// canonical is what the chain signs over for a text, or "refused".
func canonical(text string) string {
	number, _, err := apd.NewFromString(text)
	if err != nil || number.Form != apd.Finite {
		return refused
	}
	if !number.IsZero() {
		size := new(apd.Decimal).Abs(number)
		if size.Cmp(smallest) < 0 || size.Cmp(largest) > 0 {
			return refused
		}
	}
	return number.Text('G')
}

// sent is the text of a float before it is made canonical.
func sent(value float64) string {
	if math.Abs(value) < 1e-40 {
		return "0"
	}
	if whole := strconv.FormatFloat(value, 'f', -1, 64); value == math.Trunc(value) && len(strings.TrimPrefix(whole, "-")) <= wholeDigits {
		return whole
	}
	return strconv.FormatFloat(value, 'e', -1, 64)
}

// someFloats are the edges first, then as many of each kind.
func someFloats(random *rand.Rand) []float64 {
	values := []float64{
		0, math.Copysign(0, -1), 1, -1, 0.1, 0.30000000000000004, 1.0 / 3, math.Pi, -math.E,
		1e-5, 1e-6, math.Nextafter(1e-6, 0), 1e-7, 1.5e-7, 0.000123456789,
		5e-324, -5e-324, 2.2250738585072014e-308, 2.225073858507201e-308, math.SmallestNonzeroFloat64 * 3,
		1e-40, -1e-40, math.Nextafter(1e-40, 0), math.Nextafter(1e-40, 1), 1e-39, 9.99e-41, 1.5e-41,
		1e40, -1e40, math.Nextafter(1e40, 0), math.Nextafter(1e40, math.Inf(1)), 1e39, 9.99e39, 1.1e40, 1e41,
		math.MaxFloat64, -math.MaxFloat64, math.NaN(), math.Inf(1), math.Inf(-1),
		1 << 53, 1<<53 - 1, 1 << 62, 1 << 63, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22, 1e23,
		12345678901234567890, 123456789012345678901, 99999999999999991611392,
	}
	kinds := []func() float64{
		// A log-return of a week, of an hour, and one that is hardly one.
		func() float64 { return random.NormFloat64() * 0.06 },
		func() float64 { return random.NormFloat64() * 4e-3 },
		func() float64 { return random.NormFloat64() * 1e-6 },
		// One that was rounded.
		func() float64 { return math.Round(random.NormFloat64()*1e6) / 1e8 },
		// A price.
		func() float64 { return math.Round(random.Float64()*1e7) / 100 },
		// Any size that the chain knows, and a little more.
		func() float64 { return (random.Float64()*2 - 1) * math.Pow(10, float64(random.Intn(85)-42)) },
		// Whole numbers, small, large, and with many zeros.
		func() float64 { return float64(random.Intn(2_000_001) - 1_000_000) },
		func() float64 { return math.Trunc((random.Float64()*2 - 1) * math.Pow(10, float64(random.Intn(30)))) },
		func() float64 { return float64(random.Intn(199)-99) * math.Pow(10, float64(random.Intn(38))) },
		// Around the change from plain to scientific.
		func() float64 { return (random.Float64()*2 - 1) * 2e-6 },
		// Any bits that are a small, a large or a subnormal number.
		func() float64 { return math.Float64frombits(random.Uint64()) },
		func() float64 { return math.Float64frombits(random.Uint64() & (1<<52 - 1)) },
	}
	for len(values) < floats {
		values = append(values, kinds[len(values)%len(kinds)]())
	}
	return values
}

// someTexts are the edges first, then texts put together at random.
func someTexts(random *rand.Rand) []string {
	values := []string{
		"0", "-0", "+0", "0.0", "-0.00", "00", "0e0", "0e5", "0E-7", "0.000e-3", "0e-2000", "0e-2001", "-0e-3000",
		"1E+2", "1e2", "1e+2", "1E2", "1e-2", "10e1", "1.0e1", "1.50", "1.500e2", "100", "1e02", "1e-07",
		"0.000001", "0.0000001", "0.00000012", "0.0000010", "1e-6", "1e-7", "10e-7", "123e-8", "1234567e-13",
		"+1.5", "-1.5", ".5", "5.", "-.5", "+.5", "00012.3400", "-00.1", "1e-40", "1e40", "10e39", "1.0e40",
		"0.1e41", "100000000000000000000000000000000000000000", "10000000000000000000000000000000000000000",
		"1.0000000000000000000000000000000000000001e40", "9.9e-41", "0.99e-40", "1.00e-40", "10e-41", "1e41", "-1e40", "-1e41",
		"5e-324", "1e-100000", "1e100000", "1e-100001", "1e100001", "1e2147483648", "1e99999999999999999999",
		"0e100000", "0e100001", "0e-100001",
		"123456789012345678901234567890.123456789012345678901234567890",
		"0.1000000000000000055511151231257827021181583404541015625",
		".", "-", "+", "e5", ".e5", "1e", "1e+", "1e-", "1.2.3", "1e5.0", "1e5e5", "--1", "+-1", "-+1", "1-", "1e+-5",
		" 1", "1 ", "1_000", "1,5", "0x10", "0b1", "1f", "NaN", "nan", "sNaN", "Inf", "-Infinity", "infinity", "one", "１", "1.-5", "1.+5",
	}
	for len(values) < texts {
		values = append(values, oneText(random))
	}
	return values
}

// oneText is a number with a sign, leading zeros, places and an exponent as it happens.
func oneText(random *rand.Rand) string {
	var text strings.Builder
	text.WriteString([]string{"", "", "-", "+"}[random.Intn(4)])
	text.WriteString(strings.Repeat("0", random.Intn(3)))
	digits := 1 + random.Intn([]int{3, 17, 45}[random.Intn(3)])
	point := random.Intn(2 * digits)
	for i := 0; i < digits; i++ {
		if i == point {
			text.WriteByte('.')
		}
		text.WriteByte(byte('0' + random.Intn(10)*random.Intn(2)))
	}
	if random.Intn(3) > 0 {
		fmt.Fprintf(&text, "%c%+d", "eE"[random.Intn(2)], random.Intn(101)-50)
	}
	return text.String()
}
