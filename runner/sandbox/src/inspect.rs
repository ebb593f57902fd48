//! Finds everything that is wrong with a component, whereas [`Sandbox::load`] stops at the first error.

use domain::Digest;

use crate::compile::Compiler;
use crate::declared::{self, Declared};
use crate::error::{LoadError, SandboxError};
use crate::imports;
use crate::load::{Algorithm, Compiled, Sandbox, examine};

/// The findings about a component.
#[derive(Debug, Default)]
pub struct Inspection {
    /// The resources that it declares; `None` if the file could not be read as a component.
    pub declared: Option<Declared>,
    /// Every reason found why it would not load.
    pub refusals: Vec<LoadError>,
    /// Whether it was compiled.
    pub compiled: bool,
    /// The loaded algorithm, if there are no refusals.
    pub algorithm: Option<Algorithm>,
}

impl Sandbox {
    /// Examines a component completely. Compiles it unless it declares more than the engine has room for, or imports what is
    /// refused.
    ///
    /// # Errors
    /// Only if the machine fails; whatever is wrong with the component is among the refusals.
    pub fn inspect(&self, bytes: &[u8]) -> Result<Inspection, SandboxError> {
        self.inspect_with(bytes, &self.0.compiler)
    }

    /// Like [`Sandbox::inspect`], but compiles in this process: for components that were built with this program.
    ///
    /// # Errors
    /// Like [`Sandbox::inspect`].
    pub fn inspect_own(&self, bytes: &[u8]) -> Result<Inspection, SandboxError> {
        self.inspect_with(bytes, &Compiler::InProcess)
    }

    fn inspect_with(&self, bytes: &[u8], compiler: &Compiler) -> Result<Inspection, SandboxError> {
        let mut found = Inspection::default();
        let read = examine(bytes, self.0.component_bytes_max).and_then(|()| declared::read(bytes));
        let Some((declared, refused)) = found.take(read)? else { return Ok(found) };
        found.declared = Some(declared);
        found.take(refused.check(bytes))?;
        if !found.refusals.is_empty() {
            return Ok(found);
        }
        if declared.counts().iter().any(|(_, declared, limit)| declared > limit) {
            return Ok(found);
        }
        let digest = Digest::of(bytes);
        let compiled = found.take(self.component(bytes, &digest, compiler))?;
        let Some(Compiled { component, copies_strings }) = compiled else { return Ok(found) };
        found.compiled = true;
        if copies_strings {
            found.refusals.push(LoadError::InnerStrings);
        }
        if found.refusals.is_empty() {
            // Loading relies on the engine's view of the imports, so check that too, should it ever differ from ours.
            found.take(imports::check(&self.0.engine, &component, bytes))?;
        }
        let algorithm = found.take(self.algorithm(bytes, digest, declared, &component))?;
        found.algorithm = algorithm.filter(|_| found.refusals.is_empty());
        Ok(found)
    }
}

impl Inspection {
    /// Unwraps a value. An error becomes a refusal and `None`, unless it is the machine's fault.
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
