//! CloudFormation's functions, over the names that a deployment made. An unknown function or name is an error: a value
//! that is guessed would make this machine differ from AWS in silence.

use serde_json::{Map, Value};

use crate::deployed::Deployed;

/// How deep values may be nested: conditions that name each other end here.
const DEPTH_MAX: usize = 64;

/// Resolves the values of one template.
#[derive(Debug)]
pub struct Resolver<'a> {
    template: &'a Value,
    deployed: &'a Deployed,
}

impl<'a> Resolver<'a> {
    /// A resolver of a template's values.
    pub fn new(template: &'a Value, deployed: &'a Deployed) -> Self {
        Self { template, deployed }
    }

    /// The value without functions in it; `None` for `AWS::NoValue`.
    ///
    /// # Errors
    /// A sentence that names what is not known.
    pub fn value(&self, value: &Value) -> Result<Option<Value>, String> {
        self.at(value, 0)
    }

    /// The value as text; numbers and truth values are written out.
    ///
    /// # Errors
    /// A sentence that names what is not known, or that the value is no text.
    pub fn text(&self, value: &Value) -> Result<String, String> {
        self.text_at(value, 0)
    }

    /// Whether a condition of the template holds.
    ///
    /// # Errors
    /// A sentence that names what is not known.
    pub fn condition(&self, name: &str) -> Result<bool, String> {
        self.condition_at(name, 0)
    }

    fn at(&self, value: &Value, depth: usize) -> Result<Option<Value>, String> {
        if depth > DEPTH_MAX {
            return Err("the template's values are nested too deep".into());
        }
        match value {
            Value::Object(object) => match single(object) {
                Some(("Ref", name)) => self.reference(name),
                Some((name, argument)) if name.starts_with("Fn::") => self.function(name, argument, depth + 1),
                _ => {
                    let mut resolved = Map::new();
                    for (key, value) in object {
                        if let Some(value) = self.at(value, depth + 1)? {
                            resolved.insert(key.clone(), value);
                        }
                    }
                    Ok(Some(Value::Object(resolved)))
                }
            },
            Value::Array(items) => {
                let mut resolved = Vec::with_capacity(items.len());
                for item in items {
                    resolved.extend(self.at(item, depth + 1)?);
                }
                Ok(Some(Value::Array(resolved)))
            }
            plain => Ok(Some(plain.clone())),
        }
    }

    fn text_at(&self, value: &Value, depth: usize) -> Result<String, String> {
        match self.at(value, depth)? {
            Some(Value::String(text)) => Ok(text),
            Some(Value::Number(number)) => Ok(number.to_string()),
            Some(Value::Bool(truth)) => Ok(truth.to_string()),
            _ => Err(format!("{value} is no text")),
        }
    }

    fn reference(&self, name: &Value) -> Result<Option<Value>, String> {
        let name = name.as_str().ok_or("a Ref without a name")?;
        if name == "AWS::NoValue" {
            return Ok(None);
        }
        let Some(text) = self.named(name) else { return Err(format!("nothing is known of {name}")) };
        let list = self.parameter(name).and_then(|parameter| parameter.get("Type")).and_then(Value::as_str);
        if list.is_some_and(|kind| kind == "CommaDelimitedList" || kind.starts_with("List<")) {
            let items = text.split(',').map(|item| Value::from(item.trim())).collect();
            return Ok(Some(Value::Array(items)));
        }
        Ok(Some(Value::String(text)))
    }

    fn parameter(&self, name: &str) -> Option<&Value> {
        self.template.get("Parameters")?.get(name)
    }

    fn named(&self, name: &str) -> Option<String> {
        match name {
            "AWS::Region" => return Some(self.deployed.region.clone()),
            "AWS::AccountId" => return Some(self.deployed.account.clone()),
            "AWS::StackName" => return Some(self.deployed.stack.clone()),
            "AWS::Partition" => return Some("aws".into()),
            "AWS::URLSuffix" => return Some("amazonaws.com".into()),
            _ => {}
        }
        if let Some(parameter) = self.parameter(name) {
            let given = self.deployed.parameters.get(name).cloned();
            let default = parameter.get("Default").map(|value| match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            });
            return given.or(default);
        }
        self.deployed.resources.get(name).cloned()
    }

    fn function(&self, name: &str, argument: &Value, depth: usize) -> Result<Option<Value>, String> {
        match name {
            "Fn::If" => {
                let [condition, yes, no] = self.arguments(name, argument)?;
                let condition = condition.as_str().ok_or("Fn::If without a condition")?;
                self.at(if self.condition_at(condition, depth)? { yes } else { no }, depth)
            }
            "Fn::GetAtt" => {
                let path = match argument {
                    Value::Array(parts) => parts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("."),
                    other => other.as_str().unwrap_or_default().to_owned(),
                };
                let found = self.deployed.attributes.get(&path).cloned();
                found.map(|text| Some(Value::String(text))).ok_or_else(|| format!("nothing is known of {path}"))
            }
            "Fn::Sub" => self.substituted(argument, depth).map(|text| Some(Value::String(text))),
            "Fn::Join" => {
                let [separator, items] = self.arguments(name, argument)?;
                let items = self.list(items, depth)?;
                Ok(Some(Value::String(items.join(separator.as_str().unwrap_or_default()))))
            }
            "Fn::Split" => {
                let [separator, text] = self.arguments(name, argument)?;
                let separator = separator.as_str().ok_or("Fn::Split without a separator")?;
                let text = self.text_at(text, depth)?;
                Ok(Some(Value::Array(text.split(separator).map(Value::from).collect())))
            }
            "Fn::Select" => {
                let [index, items] = self.arguments(name, argument)?;
                let index: usize = self.text_at(index, depth)?.parse().map_err(|_| "Fn::Select without a number")?;
                let item = self.list(items, depth)?.into_iter().nth(index);
                item.map(|item| Some(Value::String(item))).ok_or_else(|| format!("Fn::Select beyond the list: {items}"))
            }
            other => Err(format!("the function {other} is not known here")),
        }
    }

    fn arguments<'v, const N: usize>(&self, name: &str, argument: &'v Value) -> Result<&'v [Value; N], String> {
        let list = argument.as_array().and_then(|list| list.as_slice().try_into().ok());
        list.ok_or_else(|| format!("{name} takes {N} arguments, not {argument}"))
    }

    fn list(&self, value: &Value, depth: usize) -> Result<Vec<String>, String> {
        match self.at(value, depth)? {
            Some(Value::Array(items)) => items.iter().map(|item| self.text_at(item, depth)).collect(),
            _ => Err(format!("{value} is no list")),
        }
    }

    fn substituted(&self, argument: &Value, depth: usize) -> Result<String, String> {
        let (text, own) = match argument {
            Value::Array(parts) => (parts.first().and_then(Value::as_str), parts.get(1).and_then(Value::as_object)),
            other => (other.as_str(), None),
        };
        let mut rest = text.ok_or("Fn::Sub without a text")?;
        let mut done = String::new();
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').ok_or_else(|| format!("'${{' without '}}' in {rest}"))?;
            done.push_str(before);
            match name.strip_prefix('!') {
                Some(literal) => done.push_str(&format!("${{{literal}}}")),
                None => match own.and_then(|own| own.get(name)) {
                    Some(value) => done.push_str(&self.text_at(value, depth)?),
                    None => {
                        let known = self.named(name).or_else(|| self.deployed.attributes.get(name).cloned());
                        done.push_str(&known.ok_or_else(|| format!("nothing is known of {name}"))?);
                    }
                },
            }
            rest = after;
        }
        done.push_str(rest);
        Ok(done)
    }

    fn condition_at(&self, name: &str, depth: usize) -> Result<bool, String> {
        let condition = self.template.get("Conditions").and_then(|conditions| conditions.get(name));
        self.holds(condition.ok_or_else(|| format!("there is no condition {name}"))?, depth)
    }

    fn holds(&self, condition: &Value, depth: usize) -> Result<bool, String> {
        if depth > DEPTH_MAX {
            return Err("the template's conditions are nested too deep".into());
        }
        let each = |argument: &Value| -> Result<Vec<bool>, String> {
            let list = argument.as_array().into_iter().flatten();
            list.map(|condition| self.holds(condition, depth + 1)).collect()
        };
        match condition.as_object().and_then(single) {
            Some(("Condition", name)) => self.condition_at(name.as_str().unwrap_or_default(), depth + 1),
            Some(("Fn::Equals", argument)) => {
                let [left, right] = self.arguments("Fn::Equals", argument)?;
                Ok(self.text_at(left, depth + 1)? == self.text_at(right, depth + 1)?)
            }
            Some(("Fn::Not", argument)) => Ok(!each(argument)?.contains(&true)),
            Some(("Fn::And", argument)) => Ok(!each(argument)?.contains(&false)),
            Some(("Fn::Or", argument)) => Ok(each(argument)?.contains(&true)),
            _ => Err(format!("{condition} is no condition")),
        }
    }
}

/// The only entry of an object.
fn single(object: &Map<String, Value>) -> Option<(&str, &Value)> {
    let mut entries = object.iter();
    let (name, value) = entries.next()?;
    entries.next().is_none().then_some((name.as_str(), value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn resolved(value: &Value) -> Result<Option<Value>, String> {
        let template = json!({
            "Parameters": {"Stage": {"Type": "String", "Default": "v1"}, "Empty": {"Type": "String", "Default": ""},
                           "Size": {"Type": "Number", "Default": 3}, "Buckets": {"Type": "CommaDelimitedList", "Default": ""}},
            "Conditions": {"HasEmpty": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Empty"}, ""]}]},
                           "Sized": {"Fn::And": [{"Fn::Equals": [{"Ref": "Size"}, 3]}, {"Fn::Not": [{"Condition": "HasEmpty"}]}]},
                           "Round": {"Fn::Not": [{"Condition": "Round"}]}}
        });
        let deployed = Deployed {
            stack: "s".into(),
            region: "r".into(),
            parameters: [("Buckets".to_owned(), "a, b".to_owned())].into(),
            resources: [("Table".to_owned(), "s-Table-1".to_owned())].into(),
            attributes: [("Keyring.Id".to_owned(), "arn:k".to_owned())].into(),
            ..Deployed::default()
        };
        Resolver::new(&template, &deployed).value(value)
    }

    #[test]
    fn functions_give_what_cloudformation_gives() {
        for (value, wanted) in [
            (json!({"Ref": "Stage"}), json!("v1")),
            (json!({"Ref": "Table"}), json!("s-Table-1")),
            (json!({"Ref": "Size"}), json!("3")),
            (json!({"Fn::GetAtt": ["Keyring", "Id"]}), json!("arn:k")),
            (json!({"Fn::Sub": "${AWS::StackName}/${Stage}/${Keyring.Id}/${!x}"}), json!("s/v1/arn:k/${x}")),
            (json!({"Fn::Sub": ["${A}-${Stage}", {"A": {"Ref": "Table"}}]}), json!("s-Table-1-v1")),
            (json!({"Fn::Join": ["+", {"Ref": "Buckets"}]}), json!("a+b")),
            (json!({"Fn::Select": [1, {"Fn::Split": ["/", "x/y"]}]}), json!("y")),
            (json!({"Fn::If": ["HasEmpty", 1, {"Fn::If": ["Sized", "yes", "no"]}]}), json!("yes")),
            (json!({"a": {"Ref": "AWS::NoValue"}, "b": [{"Ref": "AWS::NoValue"}, 1]}), json!({"b": [1]})),
        ] {
            assert_eq!(resolved(&value), Ok(Some(wanted)), "{value}");
        }
    }

    #[test]
    fn the_unknown_is_an_error() {
        for value in [
            json!({"Ref": "Other"}),
            json!({"Fn::GetAtt": "Table.Arn"}),
            json!({"Fn::Sub": "${Other}"}),
            json!({"Fn::ImportValue": "x"}),
            json!({"Fn::If": ["Nowhere", 1, 2]}),
            json!({"Fn::If": ["Round", 1, 2]}),
        ] {
            assert!(resolved(&value).is_err(), "{value}");
        }
    }
}
