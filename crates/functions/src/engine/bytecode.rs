//! The JavaScript of this package as bytecode, compiled once per process and only read by the contexts.

use std::sync::OnceLock;

use rquickjs::loader::bundle::{Bundle, ScaBundleData};
use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::WriteOptions;
use rquickjs::{Context, Ctx, Error, Function, Module, Result, Runtime};

use super::failure::caught;
use crate::library::OWN_MODULES;

/// The opening of the function in which each of our own modules is wrapped, as the files of packages are.
pub(super) const MODULE_HEAD: &str =
    "(function (exports, require, module, __filename, __dirname, global, process, internal) {";

/// The parts of the library: the prelude, which every context loads first, and the parts that are loaded on demand.
const PARTS: [(&str, &str); 5] = [
    ("prelude", include_str!("../js/prelude.js")),
    // Freezes the time, for tests of functions.
    ("clock", include_str!("../js/clock.js")),
    ("bson", include_str!("../js/bson.js")),
    ("client", include_str!("../js/client.js")),
    ("globals", include_str!("../js/globals.js")),
];

/// The prefix of the names of our own modules.
pub(super) const OWN: &str = "own:";

type Compiled = ScaBundleData<&'static [u8]>;

static COMPILED: OnceLock<std::result::Result<Compiled, String>> = OnceLock::new();

/// Loads the function that a part, or one of our own modules, consists of.
pub(super) fn load<'js>(ctx: &Ctx<'js>, name: &str) -> Result<Function<'js>> {
    let failed = |reason: &String| Error::new_loading_message(name, reason.as_str());
    let compiled = COMPILED.get_or_init(compile).as_ref().map_err(failed)?;
    let (module, evaluated) = Bundle(*compiled).load(ctx, name, None)?.eval()?;
    // The module awaits nothing, so its evaluation has ended. It fails only if memory or time ran out.
    if let Some(ended) = evaluated.result::<()>() {
        ended?;
    }
    module.get("default")
}

fn compile() -> std::result::Result<Compiled, String> {
    let runtime = Runtime::new().map_err(|error| error.to_string())?;
    let context = Context::full(&runtime).map_err(|error| error.to_string())?;
    let parts = PARTS.iter().map(|(name, source)| ((*name).to_owned(), (*source).to_owned()));
    let own = OWN_MODULES.iter().map(|(name, source)| (format!("{OWN}{name}"), format!("{MODULE_HEAD}{source}\n}})")));
    let compiled = context.with(|ctx| {
        let compiled = parts.chain(own).map(|(name, source)| match write(&ctx, &name, &source) {
            // Leaked, since the engine only takes `'static` bytecode. This happens once per process.
            Ok(bytecode) => Ok((&*name.leak(), &*bytecode.leak())),
            Err(error) => {
                let thrown = caught(&ctx, &error).and_then(|value| Some(value.as_exception()?.to_string()));
                Err(format!("{name}: {}", thrown.unwrap_or_else(|| error.to_string())))
            }
        });
        compiled.collect::<std::result::Result<Vec<_>, String>>()
    })?;
    Ok(&*compiled.leak())
}

/// Compiles a function to bytecode, without its source text: application code must not be able to read it.
fn write(ctx: &Ctx<'_>, name: &str, source: &str) -> Result<Vec<u8>> {
    let module = Module::declare(ctx.clone(), name, format!("export default {source}"))?;
    module.write(WriteOptions { strip_source: true, ..WriteOptions::default() })
}

/// Rejects every `import()`, including those of the modules in this file.
#[derive(Clone, Copy)]
pub(super) struct NoImports;

impl Resolver for NoImports {
    fn resolve<'js>(
        &mut self,
        _: &Ctx<'js>,
        base: &str,
        name: &str,
        _: Option<ImportAttributes<'js>>,
    ) -> Result<String> {
        Err(Error::new_resolving_message(base, name, "import() is not available in functions: use require"))
    }
}

impl Loader for NoImports {
    fn load<'js>(&mut self, _: &Ctx<'js>, name: &str, _: Option<ImportAttributes<'js>>) -> Result<Module<'js>> {
        Err(Error::new_loading(name))
    }
}
