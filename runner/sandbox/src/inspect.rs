//! Looks at a component for everything that is wrong with it, where [`Sandbox::load`] answers with the first.

use domain::Digest;

use crate::compile::Compiler;
use crate::declared::{self, Declared};
use crate::engine::{Algorithm, Sandbox, examine};
use crate::error::{LoadError, SandboxError};
use crate::imports;

/// What was found out about a component.
#[derive(Debug, Default)]
pub struct Inspection {
    /// What it declares; none if it is no component.
    pub declared: Option<Declared>,
    /// Everything for which it would not load.
    pub refusals: Vec<LoadError>,
    /// Whether it was compiled.
    pub compiled: bool,
    /// It itself, if nothing was refused.
    pub algorithm: Option<Algorithm>,
}

impl Sandbox {
    /// Looks at a component from every side, and compiles it unless it declares more than the engine has room for.
    ///
    /// # Errors
    /// Only if the machine fails.
    pub fn inspect(&self, bytes: &[u8]) -> Result<Inspection, SandboxError> {
        self.inspect_with(bytes, &self.0.compiler)
    }

    /// As [`Sandbox::inspect`], for components that were built with this program: compiled in this process.
    ///
    /// # Errors
    /// As [`Sandbox::inspect`].
    pub fn inspect_own(&self, bytes: &[u8]) -> Result<Inspection, SandboxError> {
        self.inspect_with(bytes, &Compiler::InProcess)
    }

    fn inspect_with(&self, bytes: &[u8], compiler: &Compiler) -> Result<Inspection, SandboxError> {
        let mut found = Inspection::default();
        let read = examine(bytes, self.0.component_bytes_max).and_then(|()| declared::read(bytes));
        let Some((declared, refused)) = found.take(read)? else { return Ok(found) };
        found.declared = Some(declared);
        found.take(refused.check())?;
        if declared.counts().iter().any(|(_, declared, limit)| declared > limit) {
            return Ok(found);
        }
        let digest = Digest::of(bytes);
        let Some(component) = found.take(self.component(bytes, &digest, compiler))? else { return Ok(found) };
        found.compiled = true;
        if found.refusals.is_empty() {
            // What loading goes by, should the engine ever see an import where the file shows none.
            found.take(imports::check(&self.0.engine, &component))?;
        }
        let algorithm = found.take(self.algorithm(bytes, digest, &component))?;
        found.algorithm = algorithm.filter(|_| found.refusals.is_empty());
        Ok(found)
    }
}

impl Inspection {
    /// The value; or none, and a refusal more, unless it is the machine's fault.
    fn take<T>(&mut self, result: Result<T, LoadError>) -> Result<Option<T>, SandboxError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(LoadError::Sandbox(error)) => Err(error),
            Err(error) => {
                self.refusals.push(error);
                Ok(None)
            }
        }
    }
}
