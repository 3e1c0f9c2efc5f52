//! The grammar of densities: mixtures, the families built in, and scipy's.

use super::{
    mixture::{Density, PARTS},
    part::Part,
    raw::{Component, Number, Object, Params, RawDensity},
    shape::Shape,
};

/// Mixtures may stand within one another so far: a mixture of mixtures of mixtures. Models' own
/// scorer also counts mixtures along a path, up to five, which this depth never reaches.
const DEPTH: usize = 3;

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
            "no density is of type `{other}`; give builtin, scipy or mixture"
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
        let Object(density) = density.ok_or("a component's `density` is missing; give one")?;
        gather(density, share * (weight / sum), depth + 1, parts)?;
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

/// Reads one family's parameters, in scipy's parameterisation.
struct Reader<'a> {
    name: &'a str,
    params: &'a Params,
    is_scipy: bool,
}

impl Reader<'_> {
    /// None when the family isn't known.
    fn part(&self) -> Option<Result<Part, String>> {
        Some(match self.name {
            "norm" => self.at(|_| Ok((Shape::Norm, 1.0))),
            _ => return None,
        })
    }

    fn unknown(&self) -> String {
        format!("no family is known by the name `{}`; give norm", self.name)
    }

    /// A shape with its own factor of scale, at its place.
    fn at(&self, shape: impl Fn(&Self) -> Result<(Shape, f64), String>) -> Result<Part, String> {
        let (shape, factor) = shape(self)?;
        let loc = self.given("loc", self.params.loc, Some(0.0))?;
        let scale = self.given("scale", self.params.scale, Some(1.0))?;
        if scale <= 0.0 {
            return Err(self.wrong("scale", scale, "above 0"));
        }
        Ok(Part::new(shape, loc, scale * factor))
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
        format!("{}: `{key}` is {value}; it must be {right}", self.name)
    }
}
