//! The grammar of densities: mixtures, the families built in, and scipy's.

use std::f64::consts::SQRT_2;

use super::{
    answer::short,
    mixture::{Density, PARTS},
    part::Part,
    raw::{Component, Number, Object, Params, RawDensity},
    shape::Shape,
};

/// Mixtures may stand within one another so far: a mixture of mixtures of mixtures. Models' own
/// scorer also counts mixtures along a path, up to five, which this depth never reaches.
const DEPTH: usize = 3;

/// Shape parameters that are read. Beyond, a family is a spike or another family.
const SMALLEST: f64 = 1e-6;
const GREATEST: f64 = 1e5;
/// A t with more degrees of freedom is taken for one with so many, which is a normal.
const NORMAL: f64 = 1e12;
/// Nearer to 0 the generalised extreme value is Gumbel's.
const NEARLY_GUMBEL: f64 = 1e-7;

/// Beyond, the generalised extreme value's moments have no digits left.
const MOST_EXTREME: f64 = 10.0;

const BUILT_IN: &str = "norm, lognorm, expon, t, weibull_min, weibull_max, gamma, beta, chi, chi2, \
                        rayleigh, pareto, cauchy, laplace or f";
const OF_SCIPY: &str =
    ", or uniform, logistic, gumbel_r, gumbel_l, skewnorm, invgamma, johnsonsu or genextreme";

/// The density that an object describes.
pub(super) fn density(raw: &RawDensity) -> Result<Density, String> {
    let mut parts = Vec::with_capacity(raw.components.as_ref().map_or(1, Vec::len).min(PARTS));
    gather(raw, 1.0, 0, &mut parts)?;
    Ok(Density::new(parts))
}

/// Adds a density's parts with their share in the whole.
fn gather(
    raw: &RawDensity,
    share: f64,
    depth: usize,
    parts: &mut Vec<(f64, Part)>,
) -> Result<(), String> {
    if depth > DEPTH {
        return Err(format!(
            "mixtures stand deeper than {DEPTH} within one another; flatten them"
        ));
    }
    match raw.kind.as_ref().map(|kind| kind.0.as_ref()) {
        Some("mixture") => mixture(raw, share, depth, parts),
        Some(kind @ ("builtin" | "scipy")) => {
            if parts.len() == PARTS {
                return Err(format!(
                    "a mixture of more than {PARTS} densities; give fewer"
                ));
            }
            parts.push((share, family(raw, kind == "scipy")?));
            Ok(())
        }
        Some(other) => Err(format!(
            "no density is of type `{}`; give builtin, scipy or mixture",
            short(other)
        )),
        None => Err("a density's `type` is missing; give builtin, scipy or mixture".into()),
    }
}

fn mixture(
    raw: &RawDensity,
    share: f64,
    depth: usize,
    parts: &mut Vec<(f64, Part)>,
) -> Result<(), String> {
    let components = raw
        .components
        .as_deref()
        .ok_or("a mixture's `components` are missing; give a list")?;
    let weights = components
        .iter()
        .map(weight)
        .collect::<Result<Vec<_>, _>>()?;
    let sum: f64 = weights.iter().sum();
    if components.is_empty() {
        return Err("a mixture has no components; give one at least".into());
    }
    if !(sum > 0.0 && sum.is_finite()) {
        return Err(format!(
            "a mixture's weights add up to {sum}; give weights above zero"
        ));
    }
    for (Object(component), weight) in components.iter().zip(weights) {
        let density = component.density.as_ref();
        let density = density.ok_or("a component's `density` is missing; give one")?;
        gather(&density.0, share * (weight / sum), depth + 1, parts)?;
    }
    Ok(())
}

fn weight(Object(component): &Object<Component>) -> Result<f64, String> {
    match component.weight {
        Some(Number(Some(weight))) if weight.is_finite() => Ok(weight.abs()),
        Some(Number(Some(weight))) => Err(format!("a weight is {weight}; give a finite number")),
        Some(Number(None)) => Err("a weight is no number; give one".into()),
        None => Err("a component's `weight` is missing; give a number".into()),
    }
}

/// A single density, by its family's name.
fn family(raw: &RawDensity, is_scipy: bool) -> Result<Part, String> {
    let name = raw.name.as_ref().map_or("", |name| name.0.as_ref());
    if name.is_empty() {
        return Err("a density's `name` is missing; give a family's".into());
    }
    let none = Params::default();
    let params = raw.params.as_ref().map_or(&none, |params| &params.0);
    let read = Reader {
        name,
        params,
        is_scipy,
    };
    read.part().ok_or_else(|| read.unknown())?
}

fn extreme(c: f64) -> Shape {
    if c.abs() < NEARLY_GUMBEL {
        Shape::Gumbel
    } else {
        Shape::GenExtreme(c)
    }
}

/// Reads one family's parameters, in scipy's parameterisation.
struct Reader<'a> {
    name: &'a str,
    params: &'a Params,
    is_scipy: bool,
}

impl Reader<'_> {
    /// None when the family isn't known.
    fn part(&self) -> Option<Result<Part, String>> {
        self.built_in()
            .or_else(|| self.is_scipy.then(|| self.of_scipy()).flatten())
    }

    fn built_in(&self) -> Option<Result<Part, String>> {
        let p = self.params;
        Some(match self.name {
            "norm" => self.at(Ok(Shape::Norm), 1.0),
            "laplace" => self.at(Ok(Shape::Laplace), 1.0),
            "cauchy" => self.at(Ok(Shape::Cauchy), 1.0),
            "expon" => self.at(Ok(Shape::Expon), 1.0),
            "rayleigh" => self.at(Ok(Shape::Weibull(2.0)), SQRT_2),
            "t" => self.at(self.degrees(p.df).map(Shape::T), 1.0),
            "lognorm" => self.at(self.shape("s", p.s).map(Shape::LogNorm), 1.0),
            "weibull_min" => self.at(self.shape("c", p.c).map(Shape::Weibull), 1.0),
            "weibull_max" => self.at(self.shape("c", p.c).map(Shape::Weibull), -1.0),
            "gamma" => self.at(self.shape("a", p.a).map(Shape::Gamma), 1.0),
            "chi" => self.at(self.shape("df", p.df).map(Shape::Chi), 1.0),
            "chi2" => {
                let shape = self.shape("df", p.df).map(|df| Shape::Gamma(0.5 * df));
                self.at(shape, 2.0)
            }
            "beta" => self.at(self.two(("a", p.a), ("b", p.b), Shape::Beta), 1.0),
            "pareto" => self.at(self.shape("b", p.b).map(Shape::Pareto), 1.0),
            "f" => self.at(self.two(("dfn", p.dfn), ("dfd", p.dfd), Shape::F), 1.0),
            _ => return None,
        })
    }

    fn of_scipy(&self) -> Option<Result<Part, String>> {
        let p = self.params;
        Some(match self.name {
            "uniform" => self.at(Ok(Shape::Uniform), 1.0),
            "logistic" => self.at(Ok(Shape::Logistic), 1.0),
            "gumbel_r" => self.at(Ok(Shape::Gumbel), 1.0),
            "gumbel_l" => self.at(Ok(Shape::Gumbel), -1.0),
            "skewnorm" => self.at(self.signed("a", p.a, GREATEST).map(Shape::SkewNorm), 1.0),
            "invgamma" => self.at(self.shape("a", p.a).map(Shape::InvGamma), 1.0),
            "johnsonsu" => {
                let both = self
                    .signed("a", p.a, GREATEST)
                    .and_then(|a| Ok(Shape::JohnsonSu(a, self.shape("b", p.b)?)));
                self.at(both, 1.0)
            }
            "genextreme" => self.at(self.signed("c", p.c, MOST_EXTREME).map(extreme), 1.0),
            _ => return None,
        })
    }

    fn unknown(&self) -> String {
        let (kind, more) = if self.is_scipy {
            ("scipy", OF_SCIPY)
        } else {
            ("builtin", "")
        };
        let name = short(self.name);
        format!("no {kind} family is known by the name `{name}`; give {BUILT_IN}{more}")
    }

    /// A shape with its own factor of scale, at its place.
    fn at(&self, shape: Result<Shape, String>, factor: f64) -> Result<Part, String> {
        let shape = shape?;
        let loc = self.given("loc", self.params.loc, Some(0.0))?;
        let scale = self.given("scale", self.params.scale, Some(1.0))?;
        if scale <= 0.0 {
            return Err(self.wrong("scale", scale, "above 0"));
        }
        Ok(Part::new(shape, loc, scale * factor))
    }

    fn two(
        &self,
        (first, a): (&str, Option<Number>),
        (second, b): (&str, Option<Number>),
        shape: impl Fn(f64, f64) -> Shape,
    ) -> Result<Shape, String> {
        Ok(shape(self.shape(first, a)?, self.shape(second, b)?))
    }

    /// A shape parameter above zero.
    fn shape(&self, key: &str, value: Option<Number>) -> Result<f64, String> {
        let value = self.given(key, value, None)?;
        if (SMALLEST..=GREATEST).contains(&value) {
            return Ok(value);
        }
        let right = format!("above 0, from {SMALLEST:e} to {GREATEST:e}");
        Err(self.wrong(key, value, &right))
    }

    /// Degrees of freedom of a t: however many, as fits find thousands of millions for a normal.
    fn degrees(&self, value: Option<Number>) -> Result<f64, String> {
        let df = self.given("df", value, None)?;
        self.shape("df", Some(Number(Some(df.min(GREATEST)))))?;
        Ok(df.min(NORMAL))
    }

    /// A shape parameter of any sign.
    fn signed(&self, key: &str, value: Option<Number>, most: f64) -> Result<f64, String> {
        let value = self.given(key, value, None)?;
        if value.abs() <= most {
            return Ok(value);
        }
        let right = format!("from -{most:e} to {most:e}");
        Err(self.wrong(key, value, &right))
    }

    /// A finite parameter; only scipy's own have defaults.
    fn given(&self, key: &str, value: Option<Number>, default: Option<f64>) -> Result<f64, String> {
        match value {
            Some(Number(Some(value))) if value.is_finite() => Ok(value),
            Some(Number(Some(value))) => Err(self.wrong(key, value, "a finite number")),
            Some(Number(None)) => Err(format!("{}: `{key}` is no number; give one", self.name)),
            None => default
                .filter(|_| self.is_scipy)
                .ok_or_else(|| format!("{}: `{key}` is missing; give it", self.name)),
        }
    }

    fn wrong(&self, key: &str, value: f64, right: &str) -> String {
        format!("{}: `{key}` is {value:?}; it must be {right}", self.name)
    }
}
