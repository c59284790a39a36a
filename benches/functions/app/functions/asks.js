exports = () => context.functions.execute("decides");
