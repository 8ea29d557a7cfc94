//! A function of a core module on the host's engine, with a meter or with none: what benchmarks compare.

use wasmtime::{Engine, Instance, Module, Store, TypedFunc};

use crate::model::limits::{Fuel, Metering};
use crate::sandbox::meter;
use crate::sandbox::profile::{Profile, Wasi};

/// A module's export `run`, compiled and instantiated.
#[doc(hidden)]
pub struct Kernel {
    store: Store<()>,
    run: TypedFunc<i64, i64>,
    metering: Option<Metering>,
}

impl Kernel {
    /// Compiles a module in binary form, with the settings of plugins but for its meter. For benchmarks only: it is
    /// compiled in this process.
    ///
    /// # Errors
    /// If it is no module that exports such a function.
    #[doc(hidden)]
    pub async fn new(module: &[u8], metering: Option<Metering>) -> wasmtime::Result<Self> {
        let mut config = Profile { wasi: Wasi::V02, metering: metering.unwrap_or(Metering::Fuel) }.config();
        if metering.is_none() {
            config.consume_fuel(false);
        }
        let engine = Engine::new(&config)?;
        let module = Module::from_binary(&engine, module)?;
        let mut store = Store::new(&engine, ());
        wind(&mut store, metering)?;
        let instance = Instance::new_async(&mut store, &module, &[]).await?;
        let run = instance.get_typed_func(&mut store, "run")?;
        Ok(Self { store, run, metering })
    }

    /// Calls it.
    ///
    /// # Errors
    /// If it traps.
    #[doc(hidden)]
    pub async fn run(&mut self, amount: i64) -> wasmtime::Result<i64> {
        wind(&mut self.store, self.metering)?;
        self.run.call_async(&mut self.store, amount).await
    }
}

fn wind(store: &mut Store<()>, metering: Option<Metering>) -> wasmtime::Result<()> {
    match metering {
        Some(Metering::Fuel) => meter::wind(store, Fuel::Metered(u64::MAX)),
        Some(Metering::Epoch) => meter::wind(store, Fuel::Unmetered),
        None => Ok(()),
    }
}

impl std::fmt::Debug for Kernel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kernel").field("metering", &self.metering).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_kernel_computes_the_same_under_every_meter() {
        let text = r#"(module (func (export "run") (param i64) (result i64) (i64.mul (local.get 0) (i64.const 3))))"#;
        let module = wat::parse_str(text).unwrap();
        for metering in [None, Some(Metering::Fuel), Some(Metering::Epoch)] {
            let mut kernel = Kernel::new(&module, metering).await.unwrap();
            for amount in [1, 2] {
                assert_eq!(kernel.run(amount).await.unwrap(), 3 * amount, "{metering:?}");
            }
        }
    }
}
