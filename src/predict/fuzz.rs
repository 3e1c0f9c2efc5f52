//! For `crate::fuzz`: the shape of models' answers, and rows of the outbox.

use prost::bytes::Bytes;

use super::{config::AnswerShape, outbox};
use crate::{
    fuzz::{Form, Target, told},
    models::{Json, Payload},
};

pub(crate) fn targets() -> Vec<Target> {
    vec![
        Target::new("predict-shapes", Form::Json, SHAPES, |bytes| {
            let Ok(json) = Json::read(Bytes::copy_from_slice(bytes)) else {
                return "no JSON".into();
            };
            let answer = Payload::Json(json);
            let shape = AnswerShape::Densities.check(2, &answer);
            assert!(AnswerShape::Any.check(2, &answer).is_ok());
            told(&shape)
        }),
        outbox::fuzz::rows(),
    ]
}

const SHAPES: [&str; 3] = [
    r#"[{"step":300,"type":"builtin","name":"norm","params":{"loc":NaN,"scale":2}},{"step":600,"type":"scipy","name":"t","params":{"df":4}}]"#,
    r#"{"300":[{"step":300,"prediction":{"type":"mixture","components":[{"weight":1,"density":{"type":"builtin","name":"norm","params":{"loc":0,"scale":1}}}]}},{"step":600,"type":"builtin","name":"norm","params":{"loc":0,"scale":1}}]}"#,
    "[]",
];
