//! The JavaScript of this package as bytecode. It is compiled once per process; each context only reads it.

use std::sync::OnceLock;

use rquickjs::loader::bundle::{Bundle, ScaBundleData};
use rquickjs::loader::{ImportAttributes, Loader, Resolver};
use rquickjs::module::WriteOptions;
use rquickjs::{Context, Ctx, Error, Function, Module, Result, Runtime};

use super::failure::caught;
use crate::library::OWN_MODULES;

/// What stands in front of a module of ours, as in front of a file of a package.
pub(super) const MODULE_HEAD: &str =
    "(function (exports, require, module, __filename, __dirname, global, process, internal) {";

/// What every context begins with, and what is added when it is asked for.
const PARTS: [(&str, &str); 5] = [
    ("prelude", include_str!("../js/prelude.js")),
    // Lets the time stand still, for tests of functions.
    ("clock", include_str!("../js/clock.js")),
    ("bson", include_str!("../js/bson.js")),
    ("client", include_str!("../js/client.js")),
    ("globals", include_str!("../js/globals.js")),
];

/// What the name of a module of ours begins with.
pub(super) const OWN: &str = "own:";

type Compiled = ScaBundleData<&'static [u8]>;

static COMPILED: OnceLock<std::result::Result<Compiled, String>> = OnceLock::new();

/// The function that a part, or a module of ours, consists of.
pub(super) fn load<'js>(ctx: &Ctx<'js>, name: &str) -> Result<Function<'js>> {
    let failed = |reason: &String| Error::new_loading_message(name, reason.as_str());
    let compiled = COMPILED.get_or_init(compile).as_ref().map_err(failed)?;
    let (module, evaluated) = Bundle(*compiled).load(ctx, name, None)?.eval()?;
    // It awaits nothing, so that it has ended. A failure is of the engine: no memory is left, or the time is over.
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
            // As long as the process: the engine has a reader only for what is never freed.
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

/// The bytecode of a function, without its text: code of applications must not read it.
fn write(ctx: &Ctx<'_>, name: &str, source: &str) -> Result<Vec<u8>> {
    let module = Module::declare(ctx.clone(), name, format!("export default {source}"))?;
    module.write(WriteOptions { strip_source: true, ..WriteOptions::default() })
}

/// Refuses every module that code imports by a computed name, those of this file too.
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
