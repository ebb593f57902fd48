//! The world of `wit/market.wit`: which components are of it, and calls of their two functions.

pub(crate) mod types;

use wasmtime::component::types::ComponentItem;
use wasmtime::component::{ComponentExportIndex, ComponentNamedList, InstancePre, Lift, Lower, TypedFunc};
use wasmtime::error::Context;
use wasmtime::{Result, Store, bail};

use crate::state::State;
use types::{Description, Round, Trade};

type DescribeResults = (Description,);
type ClearParams<'r> = (Round<'r>,);
type Answer = std::result::Result<Vec<Trade>, String>;
type ClearResults = (Answer,);

/// A component of this world, ready to be instantiated.
#[derive(Clone)]
pub(crate) struct World {
    component: InstancePre<State>,
    describe: ComponentExportIndex,
    clear: ComponentExportIndex,
}

impl World {
    /// Checks that a component exports both functions, with their types.
    pub(crate) fn of(component: InstancePre<State>) -> Result<World> {
        // What matters most first: of a component without either, the message names this one.
        let clear = export::<ClearParams<'_>, ClearResults>(&component, "clear")?;
        let describe = export::<(), DescribeResults>(&component, "describe")?;
        Ok(World { component, describe, clear })
    }

    /// Calls `describe` in a fresh instance.
    pub(crate) fn describe(&self, store: &mut Store<State>) -> Result<Description> {
        let (description,) = self.function::<(), DescribeResults>(store, &self.describe)?.call(store, ())?;
        Ok(description)
    }

    /// Calls `clear` in a fresh instance.
    pub(crate) fn clear(&self, store: &mut Store<State>, round: Round<'_>) -> Result<Answer> {
        let (answer,) = self.function::<ClearParams<'_>, ClearResults>(store, &self.clear)?.call(store, (round,))?;
        Ok(answer)
    }

    fn function<P, R>(&self, store: &mut Store<State>, index: &ComponentExportIndex) -> Result<TypedFunc<P, R>>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        self.component.instantiate(&mut *store)?.get_typed_func(store, index)
    }
}

/// Finds a function that a component exports, and checks its type.
fn export<P, R>(component: &InstancePre<State>, name: &str) -> Result<ComponentExportIndex>
where
    P: ComponentNamedList + Lower,
    R: ComponentNamedList + Lift,
{
    match component.component().get_export(None, name) {
        Some((ComponentItem::ComponentFunc(function), index)) => {
            let checked = function.typecheck::<P, R>(&component.instance_type());
            checked.with_context(|| format!("type-checking export func `{name}`"))?;
            Ok(index)
        }
        Some(_) => bail!("export `{name}` is not a function"),
        None => bail!("no export `{name}` found"),
    }
}
